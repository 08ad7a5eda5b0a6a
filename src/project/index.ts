export { defineConfig, type DefinedConfig, type ProjectConfig } from './defineConfig';
export { loadProject, type LoadProject } from './loadProject';
export { SHIPPED_PROJECT, type Project } from './project';
