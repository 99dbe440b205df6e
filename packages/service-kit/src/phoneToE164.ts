import { isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js'

/**
 * E.164 form of a phone number ("+33612345678"), or undefined when it is no possible number. `region` is the
 * workspace's, ISO 3166 (“FR”): the country of numbers written without their prefix.
 */
export function phoneToE164(value: string, region: string | undefined): string | undefined {
  const country = region?.toUpperCase()
  const parsed = parsePhoneNumberFromString(value, {
    ...(country !== undefined && isSupportedCountry(country) ? { defaultCountry: country } : {}),
    // Text around a number ("call me on …") is not a number.
    extract: false,
  })
  return parsed?.isValid() ? parsed.number : undefined
}
