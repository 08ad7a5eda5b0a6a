/**
 * How many bytes of JSON one payload may have: Temporal takes 2 MiB in a field (https://docs.temporal.io/cloud/limits), with
 * all arguments of a call and what encryption adds.
 */
export const MAX_PAYLOAD_BYTES = 2 * 1024 * 1024 - 64 * 1024;

/** `3,145,728 bytes, and Temporal takes 2,031,616`, of a size above the limit. */
export function describeExcess(bytes: number): string {
  const show = (count: number) => String(count).replace(/\B(?=(\d{3})+$)/g, ',');
  return `${show(bytes)} bytes, and Temporal takes ${show(MAX_PAYLOAD_BYTES)}`;
}
