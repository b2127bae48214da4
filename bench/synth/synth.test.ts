import type { App } from 'cdk8s';
import { expect, it } from 'vitest';
import { meshedApp, plainApp } from './app.ts';

const size = { deployments: 25, charts: 4, routes: 6, policies: 5 };

const counted = (app: App): Record<string, number> => {
  const found: Record<string, number> = {};
  for (const [, kind] of app.synthYaml().matchAll(/^kind: (\w+)$/gm)) found[kind] = (found[kind] ?? 0) + 1;
  return found;
};

it('measures apps that differ in what the mesh adds alone', () => {
  expect(counted(plainApp(size))).toEqual({ Deployment: 25 });
  expect(counted(meshedApp(size))).toMatchObject({
    ...{ Deployment: 25, HTTPRoute: 6, Service: 6, Server: 5, AuthorizationPolicy: 5, MeshTLSAuthentication: 5 },
  });
});
