import {
  miss,
  newSubscription,
  newTrigger,
  subscriptionFloor,
  triggerFloor,
  triggerListingFloor,
} from '../../../../src/workflows/arrivals/listeners';
import {
  at,
  DAY_MS,
  DAY_START_MS,
  HOUR_MS,
  MINUTE_MS,
  subscriptionOf,
  triggerOf,
} from '../../../support/arrivals';

describe('from when on a run that waits is offered what a listing finds', () => {
  const listener = newSubscription(subscriptionOf('a'));

  test('is its since, until a listing has offered it everything', () => {
    expect(subscriptionFloor(listener, false)).toBe(at(DAY_START_MS));
  });

  test('is ten minutes before the last listing began, and its since in a full one', () => {
    const listed = { ...listener, listedTo: at(DAY_START_MS + DAY_MS) };
    expect(subscriptionFloor(listed, false)).toBe(at(DAY_START_MS + DAY_MS - 10 * MINUTE_MS));
    expect(subscriptionFloor(listed, true)).toBe(at(DAY_START_MS));
  });

  test('is never before its since', () => {
    const listed = { ...listener, listedTo: at(DAY_START_MS + MINUTE_MS) };
    expect(subscriptionFloor(listed, false)).toBe(at(DAY_START_MS));
  });
});

describe('from when on an arrival may start a run', () => {
  test('is the since of the trigger, until a listing has offered it everything', () => {
    expect(triggerFloor(newTrigger(triggerOf('p')))).toBe(at(DAY_START_MS));
  });

  test('is twelve hours before the last listing, also in a full one', () => {
    const trigger = { ...newTrigger(triggerOf('p')), listedTo: at(DAY_START_MS + DAY_MS) };
    expect(triggerFloor(trigger)).toBe(at(DAY_START_MS + 12 * HOUR_MS));
    expect(triggerListingFloor(trigger, true)).toBe(at(DAY_START_MS + 12 * HOUR_MS));
    expect(triggerListingFloor(trigger, false)).toBe(at(DAY_START_MS + DAY_MS - 10 * MINUTE_MS));
  });

  test('is where it missed something, if that is earlier, but never before its since', () => {
    const trigger = { ...newTrigger(triggerOf('p')), listedTo: at(DAY_START_MS + 3 * DAY_MS) };
    miss(trigger, at(DAY_START_MS + DAY_MS));
    miss(trigger, at(DAY_START_MS + 2 * DAY_MS));
    expect(triggerFloor(trigger)).toBe(at(DAY_START_MS + DAY_MS));
    miss(trigger, at(DAY_START_MS - DAY_MS));
    expect(triggerFloor(trigger)).toBe(at(DAY_START_MS));
  });

  test('of a trigger that catches up, a listing begins as early', () => {
    const trigger = {
      ...newTrigger(triggerOf('p')),
      listedTo: at(DAY_START_MS + 3 * DAY_MS),
      catchingUpFrom: at(DAY_START_MS + HOUR_MS),
    };
    expect(triggerListingFloor(trigger, false)).toBe(at(DAY_START_MS + HOUR_MS));
  });
});
