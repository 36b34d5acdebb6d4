import { type CountryCode, getCountryCallingCode, getExampleNumber } from "libphonenumber-js/max";
import examples from "libphonenumber-js/mobile/examples";

/** The same numbers in every run, so that a failure can be looked at again. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    // A linear congruential generator (Numerical Recipes); its high bits are good enough here.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/**
 * Numbers of a country with its plus: a third mobile numbers but for a few digits, a third with
 * digits all random, the rest a digit short or long or with a trunk prefix.
 */
export function numbersLike(country: CountryCode, count: number): string[] {
  const random = randomFrom(country.charCodeAt(0) * 256 + country.charCodeAt(1));
  const code = getCountryCallingCode(country);
  const example = getExampleNumber(country, examples)?.nationalNumber ?? "7000000000";
  const digit = () => String(random(10));

  return Array.from({ length: count }, (_, n) => {
    const kept = n % 3 === 1 ? 0 : random(4);
    const national = [...example].map((it, at) => (at < kept ? it : digit())).join("");
    if (n % 9 === 2) return `+${code}${national.slice(0, -1)}`;
    if (n % 9 === 5) return `+${code}${national}${digit()}`;
    if (n % 9 === 8) return `+${code}${["0", "8", "1"][random(3)]}${national}`;
    return `+${code}${national}`;
  });
}
