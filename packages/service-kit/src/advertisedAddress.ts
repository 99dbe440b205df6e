/** Settings that say where this instance is reached. */
export interface AddressSettings {
  readonly HOST: string
  readonly GRPC_ADVERTISED_ADDRESS: string | undefined
  readonly POD_IP: string | undefined
}

/** host:port under which the other instances reach this one's gRPC; `port` is the one that was opened. */
export function advertisedAddress(settings: AddressSettings, port: number): string {
  const { HOST: host, GRPC_ADVERTISED_ADDRESS: advertised, POD_IP: podIp } = settings
  if (advertised !== undefined) return hasPort(advertised) ? advertised : `${bracketed(advertised)}:${port}`
  return `${bracketed(podIp ?? reachable(host))}:${port}`
}

/** "host:9090" and "[::1]:9090", not the bare "::1". */
function hasPort(address: string): boolean {
  return /^(\[[^\]]+\]|[^:]+):\d+$/.test(address)
}

function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}

/** "Every address" can be listened on and not be called: instances on one machine call each other. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}
