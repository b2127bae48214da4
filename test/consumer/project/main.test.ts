import { Testing } from 'cdk8s';
import { MyChart } from './main';

test('the chart is meshed', () => {
  const results = Testing.synth(new MyChart(Testing.app(), 'test-chart'));
  expect(results).toMatchSnapshot();
  expect(JSON.stringify(results)).toContain('"restartPolicy":"Always"');
});
