import { field } from 'sluice';
import type { ResizeAdvice } from '../advice/adviseResize';
import type { ClusterFacts } from '../advice/clusterFacts';
import type { Sample } from './watchResize';

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isFacts = (value: unknown): value is ClusterFacts => isObject(value) && Array.isArray(value['parts']);
const isAdvice = (value: unknown): value is ResizeAdvice =>
  isObject(value) && Array.isArray(value['verdicts']);
const areSamples = (value: unknown): value is Sample[] => Array.isArray(value) && value.every(isObject);

export const clusterId = field.text({ about: 'the EMR cluster' });
export const facts = field.value(isFacts, { needs: 'facts as look-at-cluster answered them' });
export const advice = field.value(isAdvice, { needs: 'advice as advise-resize answered it' });
export const samples = field.value(areSamples, { needs: 'samples as watch-resize answered them' });
