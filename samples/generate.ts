import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { oneOf, seeded, whole, type Random } from '../src/testing/random';

/** Sizes of the generated files: those of the public files whose shape they have. */
export const ROWS = { sales: 20_994, marketing: 1_461, trips: 20_000 };

const STAGES: [string, number][] = [
  ['Lead', 9141],
  ['Closed Lost', 7980],
  ['Prospect', 2006],
  ['Contracting', 689],
  ['Closed Won', 616],
  ['Qualified', 562],
];
const SEGMENTS = ['SMB', 'Enterprise', 'Strategic', 'Startup'];
const REGIONS = ['US', 'EMEA', 'APAC', 'LATAM'];
const SALESPEOPLE = [
  'Ana Brook',
  'Ben Okafor',
  'Chloe Lind',
  'Dev Rao',
  'Eli Novak',
  'Fay Wong',
  'Gus Moreau',
  'Hana Sato',
];
/** Rate code, share of trips in 10,000, usual miles, usual fare. */
const RATE_CODES: [string, number, number, number][] = [
  ['1', 9728, 2.6, 11.9],
  ['2', 225, 17.5, 52],
  ['3', 17, 16, 66],
  ['4', 5, 18, 64],
  ['5', 15, 5.5, 73],
  ['99', 1, 0, 77],
  ['', 9, 2, 9],
];

function weighted<T extends [unknown, number, ...unknown[]]>(random: Random, items: readonly T[]): T {
  let left = random() * items.reduce((sum, [, weight]) => sum + weight, 0);
  return items.find(([, weight]) => (left -= weight) < 0) ?? items[0]!;
}

const DAY_MS = 86_400_000;
/** Month/day/year without padding. */
const dateText = (time: number) => {
  const date = new Date(time);
  return `${date.getUTCMonth() + 1}/${date.getUTCDate()}/${date.getUTCFullYear()}`;
};

/** Opportunities from 2011 to 2016, in the order of their day. */
function sales(random: Random): string {
  const header =
    'Date,Salesperson,Lead Name,Segment,Region,Target Close,Forecasted Monthly Revenue,Opportunity Stage,Weighted Revenue,Closed Opportunity,Active Opportunity,Latest Status Entry';
  const first = Date.UTC(2011, 0, 2);
  const days = (Date.UTC(2016, 11, 31) - first) / DAY_MS;
  const times = Array.from({ length: ROWS.sales }, () => first + whole(random, 0, days) * DAY_MS).sort(
    (a, b) => a - b,
  );
  const rows = times.map((time) => {
    const [stage] = weighted(random, STAGES);
    const segment = oneOf(random, SEGMENTS);
    const region = oneOf(random, REGIONS);
    const revenue = whole(random, 2_000, 600_000);
    const closed = stage.startsWith('Closed');
    const flags = [closed, !closed && random() < 0.5, random() < 0.3].map((flag) =>
      flag ? 'TRUE' : 'FALSE',
    );
    const lead = `${region}_${segment}_${whole(random, 1, 2_000)}`;
    const target = dateText(time + whole(random, 20, 120) * DAY_MS);
    const weight = Math.round(revenue * (stage === 'Lead' ? 0.1 : random()));
    return [
      dateText(time),
      oneOf(random, SALESPEOPLE),
      lead,
      segment,
      region,
      target,
      revenue,
      stage,
      weight,
      ...flags,
    ].join(',');
  });
  return [header, ...rows, ''].join('\n');
}

/** One row for each day from 2013 to 2016. */
function marketing(random: Random): string {
  const header =
    'Date,New visitors SEO,New visitors CPC,New visitors Social Media,Return visitors,Twitter mentions,Twitter follower adds,Twitter followers cumulative,Mailing list adds ,Mailing list cumulative,Website Pageviews,Website Visits,Website Unique Visits,Mobile uniques,Tablet uniques,Desktop uniques,Free sign up,Paid conversion,Events';
  const events = ['Trade fair', 'Product launch', 'Webinar'];
  let followers = 189;
  let members = 1_872;
  const rows = Array.from({ length: ROWS.marketing }, (_, day) => {
    const seo = whole(random, 900, 6_000);
    const followerAdds = whole(random, 0, 6);
    const listAdds = whole(random, 0, 9);
    followers += followerAdds;
    members += listAdds;
    const visits = seo * whole(random, 3, 5);
    const unique = Math.round(visits / 3);
    const counts = [
      ...[seo, Math.round(seo * 0.15), Math.round(seo * 0.025), Math.round(seo * 0.1)],
      ...[whole(random, 0, 4), followerAdds, followers, listAdds, members],
      ...[
        visits * 3,
        visits,
        unique,
        Math.round(unique * 0.1),
        Math.round(unique * 0.2),
        Math.round(unique * 0.7),
      ],
      ...[whole(random, 300, 2_000), whole(random, 10, 120)],
    ];
    const event = random() < 0.02 ? oneOf(random, events) : '';
    return [dateText(Date.UTC(2013, 0, 1) + day * DAY_MS), ...counts, event].join(',');
  });
  return [header, ...rows, ''].join('\n');
}

/** Taxi trips of 2017: a few without a rate code, a few refunds, distances below a mile without their zero. */
function trips(random: Random): string {
  const header =
    'VendorID,tpep_pickup_datetime,tpep_dropoff_datetime,passenger_count,trip_distance,RatecodeID,store_and_fwd_flag,PULocationID,DOLocationID,payment_type,fare_amount,extra,mta_tax,tip_amount,tolls_amount,improvement_surcharge,total_amount';
  const clock = (time: number) => {
    const date = new Date(time);
    const two = (value: number) => String(value).padStart(2, '0');
    const hour = date.getUTCHours();
    return `${two(date.getUTCMonth() + 1)}/${two(date.getUTCDate())}/${date.getUTCFullYear()} ${hour % 12 || 12}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} ${hour < 12 ? 'AM' : 'PM'}`;
  };
  const rows = Array.from({ length: ROWS.trips }, () => {
    const [code, , miles, usualFare] = weighted(random, RATE_CODES);
    const pickup = Date.UTC(2017, 0, 1) + whole(random, 0, 365 * 86_400 - 1) * 1_000;
    const factor = 0.2 + random() * 1.6;
    const distance = (miles * factor)
      .toFixed(2)
      .replace(/^0\./, '.')
      .replace(/^\.00$/, '0');
    const refund = random() < 0.0006 ? -1 : 1;
    const fare = refund * (code === '2' ? usualFare : Math.max(2.5, Math.round(usualFare * factor * 2) / 2));
    const tip = refund > 0 && random() < 0.6 ? Math.round(fare * 20) / 100 : 0;
    const total = (fare + refund * 0.8 + tip).toFixed(2).replace(/\.?0+$/, '');
    return [
      ...[
        whole(random, 1, 2),
        clock(pickup),
        clock(pickup + whole(random, 120, 3_600) * 1_000),
        whole(random, 1, 6),
      ],
      ...[
        distance,
        code,
        random() < 0.005 ? 'Y' : 'N',
        whole(random, 1, 265),
        whole(random, 1, 265),
        whole(random, 1, 4),
      ],
      ...[fare, 0, refund * 0.5, tip, 0, refund * 0.3, total],
    ].join(',');
  });
  return [header, ...rows, ''].join('\n');
}

/**
 * Writes `marketing-and-sales/sales.csv`, `marketing-and-sales/marketing.csv` and `taxi/tripdata.csv` below `folder`. The
 * same seed gives the same bytes; no row stands for a real person, company or trip.
 */
export async function generateSamples(
  folder: string,
  { seed = 20_180_731 }: { seed?: number } = {},
): Promise<void> {
  const random = seeded(seed);
  const files = {
    'marketing-and-sales/sales.csv': sales(random),
    'marketing-and-sales/marketing.csv': marketing(random),
    'taxi/tripdata.csv': trips(random),
  };
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, text);
  }
}

if (require.main === module) {
  const [folder = 'samples-out', seed] = process.argv.slice(2);
  generateSamples(folder, seed === undefined ? {} : { seed: Number(seed) }).catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}
