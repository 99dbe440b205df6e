export interface WaitOptions {
    timeoutMs?: number;
    pollMs?: number;
}
/** The first value of `ask` that is neither undefined nor false. Errors of `ask` count as "not yet". */
export declare function waitUntil<T>(what: string, ask: () => T | undefined | false | Promise<T | undefined | false>, { timeoutMs, pollMs }?: WaitOptions): Promise<T>;
/** The first value for which `good` holds; the last value seen is in the error. */
export declare function waitForValue<T>(what: string, ask: () => T | Promise<T>, good: (value: T) => boolean, options?: WaitOptions): Promise<T>;
