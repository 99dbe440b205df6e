/** Waits for something to become true, and says what it last saw when it does not. */
import { setTimeout as sleep } from 'node:timers/promises';
/** Other tests share the machine: long enough for a rebalance and a restart, short enough to fail a run in time. */
const TIMEOUT_MS = 30_000;
const POLL_MS = 50;
/** The first value of `ask` that is neither undefined nor false. Errors of `ask` count as "not yet". */
export async function waitUntil(what, ask, { timeoutMs = TIMEOUT_MS, pollMs = POLL_MS } = {}) {
    const deadline = performance.now() + timeoutMs;
    let last;
    for (;;) {
        try {
            const found = await ask();
            if (found !== undefined && found !== false)
                return found;
            last = found;
        }
        catch (error) {
            last = error;
        }
        if (performance.now() > deadline) {
            throw new Error(`Waited ${timeoutMs / 1000} s for ${what}; last: ${String(last)}`, {
                cause: last instanceof Error ? last : undefined,
            });
        }
        await sleep(pollMs);
    }
}
/** The first value for which `good` holds; the last value seen is in the error. */
export async function waitForValue(what, ask, good, options = {}) {
    let seen;
    try {
        const found = await waitUntil(what, async () => {
            const value = await ask();
            seen = { value };
            return good(value) ? seen : undefined;
        }, options);
        return found.value;
    }
    catch (error) {
        if (!seen)
            throw error;
        throw new Error(`${error.message}; last value ${JSON.stringify(seen.value)}`, { cause: error });
    }
}
