import type { Arrival } from '../../pipelines';
import { ArrivalMemory } from '../arrivals/memory';

/** All that a run has heard of, whichever of its waits it is for. */
export class Inbox {
  private readonly memory: ArrivalMemory;
  private readonly followers: ((news: Arrival[]) => void)[] = [];

  /** @param startedBy the objects that started the run, as if they had just arrived */
  constructor(startedBy: readonly Arrival[]) {
    this.memory = new ArrivalMemory(startedBy);
  }

  /** Takes arrivals in, and tells the followers what among them is new. */
  receive(arrivals: readonly Arrival[]): void {
    const news = arrivals.filter((arrival) => this.memory.remember(arrival) === 'new');
    if (news.length > 0) for (const follow of this.followers) follow(news);
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
