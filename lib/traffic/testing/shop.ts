import { ApiObject, App, Chart } from 'cdk8s';
import type { Service } from 'cdk8s-plus-27';
import { MeshedDeployment } from '../../index.ts';

/** A shop whose `web` calls `orders`, which has a next version beside it. */
export class Shop {
  readonly app = new App();
  readonly chart = new Chart(this.app, 'shop', { namespace: 'shop' });
  readonly web = this.workload('web', 80);
  readonly orders = this.workload('orders', 8080);
  readonly next = this.workload('orders-next', 8080);
  /** Of `orders`. */
  readonly service = this.expose(this.orders, 'orders', 8080);
  /** Of the next version. */
  readonly nextService = this.expose(this.next, 'orders-next', 8080);

  workload(name: string, port: number): MeshedDeployment {
    const containers = [{ image: `shop/${name}:1`, portNumber: port }];
    return new MeshedDeployment(this.chart, name, { metadata: { name }, containers });
  }

  expose(workload: MeshedDeployment, name: string, port: number): Service {
    return workload.exposeViaService({ name, ports: [{ port }] });
  }

  /** The objects of a kind as they are synthesized. */
  objects(kind: string): ReturnType<Chart['toJson']> {
    this.validate();
    return this.chart.toJson().filter((object) => object.kind === kind);
  }

  /** What is told of the tree; '' where nothing is wrong. */
  problems(): string {
    try {
      this.validate();
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  }

  raw(kind: string, name: string, spec: object): ApiObject {
    const apiVersion = 'gateway.networking.k8s.io/v1';
    return new ApiObject(this.chart, `${kind}-${name}`, { apiVersion, kind, metadata: { name }, ...{ spec } });
  }

  /** A Service that no workload has made, with ports as the object has them. */
  typedService(name: string, ports: object[]): ApiObject {
    return new ApiObject(this.chart, `typed-${name}`, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      ...{ spec: { ports } },
    });
  }

  private validate(): void {
    this.app.synthYaml();
  }
}
