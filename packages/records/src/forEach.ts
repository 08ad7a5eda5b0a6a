/** Runs `body` on every item, so many at a time. After a failure nothing new begins; it is thrown when all have ended. */
export async function forEach<T>(
  items: readonly T[],
  atATime: number,
  body: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const failures: unknown[] = [];
  const work = async () => {
    while (next < items.length && failures.length === 0) {
      try {
        await body(items[next++]!);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atATime, items.length) }, work));
  if (failures.length > 0) throw failures[0];
}
