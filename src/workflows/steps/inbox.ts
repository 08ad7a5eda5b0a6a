import type { Arrival } from '../../pipelines';
import { isNewer, isSameVersion } from '../../pipelines/arrival';
import { ArrivalMemory } from '../arrivals/memory';

/** All that a run has heard of, whichever of its waits it is for. */
export class Inbox {
  private readonly memory: ArrivalMemory;
  private readonly followers: ((news: Arrival[]) => void)[] = [];
  private readonly doubted = new Set<Arrival>();

  /** @param startedBy the objects that started the run, as if they had just arrived */
  constructor(startedBy: readonly Arrival[]) {
    this.memory = new ArrivalMemory(startedBy);
  }

  /** Takes arrivals in, and tells the followers what among them is new. */
  receive(arrivals: readonly Arrival[]): void {
    const news = arrivals.filter((arrival) => {
      const known = this.memory.get(arrival.bucket, arrival.key);
      const isNew = this.memory.remember(arrival) === 'new';
      if (known !== undefined && contradict(known, arrival))
        this.doubted.add(this.memory.get(arrival.bucket, arrival.key)!);
      return isNew;
    });
    if (news.length > 0) for (const follow of this.followers) follow(news);
  }

  /**
   * Whether an event has told one of them, and a listing another version that does not look newer: the time of an event is that of the
   * end of its upload, in milliseconds, and what a listing shows that of its begin, in seconds. Which of the two is there, only a
   * listing from now on tells.
   */
  areInDoubt(arrivals: readonly Arrival[]): boolean {
    return arrivals.some((arrival) => this.doubted.has(arrival));
  }

  /** Calls back with all that is new from now on, until the run ends. */
  follow(follower: (news: Arrival[]) => void): void {
    this.followers.push(follower);
  }

  /** The newest version of each key. */
  all(): Arrival[] {
    return this.memory.all();
  }

  get(bucket: string, key: string): Arrival | undefined {
    return this.memory.get(bucket, key);
  }
}

function contradict(a: Arrival, b: Arrival): boolean {
  const [event, listed] = a.sequencer === null ? [b, a] : [a, b];
  if (event.sequencer === null || listed.sequencer !== null || event.byHand || listed.byHand) return false;
  return !isSameVersion(event, listed) && isNewer(event, listed);
}
