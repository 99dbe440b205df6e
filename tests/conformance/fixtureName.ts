/** File of fixtures/ that holds what a client sent, without its ending. */
export function fixtureName(client: string): string {
  return client.replaceAll(/[^a-z0-9]+/gi, '-').replaceAll(/^-|-$/g, '')
}
