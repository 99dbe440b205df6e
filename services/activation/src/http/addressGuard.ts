/**
 * Which addresses a destination may be at. A webhook's address is written by people who may not reach the inside of
 * the network themselves; this process could, and must not do it for them.
 *
 * Invariants:
 *  G1. Only public addresses, unless the destination's document allows private ones.
 *  G2. Addresses that serve a machine's own metadata and credentials are never allowed.
 *  G3. The address that was judged is the address that is connected to: the judgement is made inside the connection's
 *      own look-up, so a name cannot point elsewhere a moment later.
 *  G4. Among several addresses of a name every one must be allowed: a name that mixes public and private is an attack
 *      or a mistake.
 */
import { lookup as resolve } from 'node:dns'
import type { LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'

class AddressRefused extends Error {
  override readonly name = 'AddressRefused'
  readonly code = 'ADDRESS_REFUSED'
}

/** What "allowPrivateAddresses" adds to public ones. Link-local is not among them: metadata services live there. */
const PRIVATE_RANGES = new Set(['private', 'loopback', 'uniqueLocal', 'carrierGradeNat'])
/** Metadata services outside link-local: AWS over IPv6, Alibaba, Oracle’s alternative. */
const METADATA = new Set(['fd00:ec2::254', '100.100.100.200', '192.0.0.192'])

/** Undefined when allowed, else why not. */
export function refusal(address: string, allowPrivate: boolean): string | undefined {
  if (!ipaddr.isValid(address)) return 'is no address'
  // An IPv4 address inside an IPv6 one is judged as what it is.
  const parsed = ipaddr.process(address)
  if (METADATA.has(parsed.toString())) return 'is the address of a metadata service'
  const range = parsed.range()
  if (range === 'unicast') return undefined
  if (allowPrivate && PRIVATE_RANGES.has(range)) return undefined
  const remedy = PRIVATE_RANGES.has(range) ? '; allowPrivateAddresses: true would allow it' : ''
  return `is ${range}${remedy}`
}

type Resolve = (
  hostname: string,
  options: { all: true; verbatim: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

/** A look-up for sockets that gives allowed addresses only (G3, G4). */
export function guardedLookup(allowPrivate: boolean, resolver: Resolve = resolve): LookupFunction {
  return (hostname, options, done) => {
    resolver(hostname, { all: true, verbatim: true }, (error, addresses) => {
      if (error) {
        done(error, [])
        return
      }
      for (const { address } of addresses) {
        const why = refusal(address, allowPrivate)
        if (why === undefined) continue
        done(new AddressRefused(`${hostname} leads to an address that ${why}`), [])
        return
      }
      const first = addresses[0]
      if (!first) done(Object.assign(new Error(`${hostname} has no address`), { code: 'ENOTFOUND' }), [])
      else if (options.all === true) done(null, addresses)
      else done(null, first.address, first.family)
    })
  }
}

/** For addresses written as numbers, which sockets never look up. */
export function literalRefusal(hostname: string, allowPrivate: boolean): string | undefined {
  const host = hostname.replace(/^\[|\]$/g, '')
  return ipaddr.isValid(host) ? refusal(host, allowPrivate) : undefined
}
