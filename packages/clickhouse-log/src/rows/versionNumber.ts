/** n of a version "<layout epoch>-<n>"; undefined when the text is no version. */
export function versionNumber(version: string): number | undefined {
  const match = /^\d{4,}-(\d{18})$/.exec(version)
  return match ? Number(match[1]) : undefined
}
