"""Looks into one BAM: a request as JSON on standard input, the answer as JSON on standard output.

A read counts when it is mapped, primary, not marked as a duplicate and not failed by the vendor's checks: what `samtools depth`
leaves out is left out here.
"""

import collections
import heapq
import json
import sys

import pysam

SKIPPED_FLAGS = 0x4 | 0x100 | 0x200 | 0x400
BASES = "ACGTN"


def open_reads(request):
    index = request.get("index")
    return pysam.AlignmentFile(request["url"], "rb", **({"index_filename": index} if index else {}))


def describe(request):
    with open_reads(request) as reads:
        header = reads.header.to_dict()
        samples = {group["SM"] for group in header.get("RG", []) if "SM" in group}
        return {
            "contigs": {name: reads.get_reference_length(name) for name in reads.references},
            "samples": sorted(samples),
        }


def measure_coverage(request):
    """How many positions there are of each depth above 0. A deletion within a read is covered, what is clipped is not."""
    start, end = request["start"] - 1, request["end"]
    depths = collections.Counter()
    # The ends of the reads over the position reached; their number is its depth.
    ends, at, count = [], start, 0

    def move(to):
        nonlocal at
        while ends and ends[0] <= to:
            depths[len(ends)] += ends[0] - at
            at = ends[0]
            heapq.heappop(ends)
        depths[len(ends)] += to - at
        at = to

    with open_reads(request) as reads:
        for read in reads.fetch(request["contig"], start, end):
            if read.flag & SKIPPED_FLAGS or read.reference_end is None:
                continue
            first, last = max(read.reference_start, start), min(read.reference_end, end)
            if first >= last:
                continue
            move(first)
            heapq.heappush(ends, last)
            count += 1
    move(max(ends, default=at))
    return {
        "reads": count,
        "depths": sorted([depth, positions] for depth, positions in depths.items() if depth and positions),
    }


def view_sites(request):
    with open_reads(request) as reads:
        length = reads.get_reference_length(request["contig"])
        return {"views": [view_site(reads, request, site, length) for site in request["sites"]]}


def view_site(reads, request, site, length):
    contig, at = request["contig"], site["pos"] - 1
    counts = dict.fromkeys(BASES, 0)
    deleted = alternative = 0
    # Of two overlapping mates the better base counts, and the other does not: they are one molecule.
    columns = reads.pileup(
        contig,
        at,
        at + 1,
        truncate=True,
        stepper="samtools",
        flag_filter=SKIPPED_FLAGS,
        ignore_orphans=False,
        ignore_overlaps=True,
        min_base_quality=request["minBaseQuality"],
        max_depth=1000000,
    )
    for column in columns:
        for found in column.pileups:
            if found.is_refskip or found.alignment.query_sequence is None:
                continue
            if found.is_del:
                deleted += 1
                continue
            base = found.alignment.query_sequence[found.query_position].upper()
            counts[base if base in BASES else "N"] += 1
            alternative += shows(found, site)
    return {
        "counts": counts,
        "deleted": deleted,
        "depth": sum(counts.values()) + deleted,
        "alternative": alternative,
        "reads": show_reads(reads, request, at, length),
    }


def shows(found, site):
    """Whether a read has the site's ALT: its bases, or a deletion of that length behind the first base."""
    ref, alt = site["ref"], site["alt"]
    if ref is None or not set(ref + alt) <= set(BASES):
        return False
    grown = len(alt) - len(ref)
    bases = found.alignment.query_sequence[found.query_position : found.query_position + len(alt)].upper()
    if grown == 0:
        return bases == alt
    return found.indel == grown and (bases == alt if grown > 0 else bases[0] == alt[0])


def show_reads(reads, request, at, length):
    """The reads over a site, from the left: where each begins in the window, and its bases there; `-` is deleted."""
    first, last = max(0, at - request["window"]), min(length, at + request["window"] + 1)
    shown, total = [], 0
    for read in reads.fetch(request["contig"], at, at + 1):
        if read.flag & SKIPPED_FLAGS or read.query_sequence is None:
            continue
        total += 1
        if len(shown) == request["maxReads"]:
            continue
        bases = {}
        for query, place in read.get_aligned_pairs():
            if place is not None and first <= place < last:
                bases[place] = "-" if query is None else read.query_sequence[query].upper()
        start = min(bases)
        text = "".join(bases.get(place, "-") for place in range(start, max(bases) + 1))
        shown.append({"start": start + 1, "bases": text, "reverse": read.is_reverse})
    return {"total": total, "shown": shown}


COMMANDS = {"describe": describe, "coverage": measure_coverage, "view": view_sites}


def main():
    pysam.set_verbosity(0)
    request = json.load(sys.stdin)
    try:
        answer = COMMANDS[request["command"]](request)
    except (OSError, ValueError) as error:
        answer = {"error": str(error)}
    json.dump(answer, sys.stdout)


main()
