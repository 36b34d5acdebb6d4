/** More addresses than this are not told apart: the oldest is forgotten. */
const MOST_ADDRESSES = 10_000;

/** Whether one more call from this address is within the rate; a second's worth may come at once. */
export function callLimit(perSecond: number): (address: string) => boolean {
  const buckets = new Map<string, { left: number; at: number }>();
  return (address) => {
    const now = performance.now();
    const { left, at } = buckets.get(address) ?? { left: perSecond, at: now };
    const filled = Math.min(perSecond, left + ((now - at) / 1_000) * perSecond);
    const isWithin = filled >= 1;
    // Taken out first, so that the one that comes first is the one that was quiet the longest.
    buckets.delete(address);
    if (buckets.size >= MOST_ADDRESSES) buckets.delete(buckets.keys().next().value ?? "");
    buckets.set(address, { left: isWithin ? filled - 1 : filled, at: now });
    return isWithin;
  };
}
