/** Tasks for streams of JSON records as Firehose stores them, for any project. */
export { convertRecords } from './convertRecords';
export { flattenRecords } from './flattenRecords';
export { removeConverted } from './removeConverted';
