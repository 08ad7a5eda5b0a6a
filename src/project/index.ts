export { defineConfig, type DefinedConfig, type ProjectConfig } from './defineConfig';
export { loadProject, type LoadProject } from './loadProject';
export type { Crawler, GlueJob, ProjectRunner, ProjectTask } from './parts';
export { SHIPPED_PROJECT, type Project } from './project';
export type { Service, ServiceContext, ServiceReady } from './service';
