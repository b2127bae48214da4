import { beforeEach, expect, test } from 'vitest';
import { Topics } from '../cluster/topics.ts';
import { Code } from './grpc-status.ts';
import type { OutgoingStream, StreamOwner } from './outgoing-stream.ts';
import { type Refusal, SharedViews, type View } from './shared-views.ts';

let topics: Topics;
let views: SharedViews<View>;
let errors: string[];
let looks: number;
let answer: () => View | Refusal;
beforeEach(() => {
  topics = new Topics();
  errors = [];
  looks = 0;
  answer = () => view('one');
  views = new SharedViews({
    subscribe: (of, listener) => topics.subscribe(of, listener),
    onError: (key, error) => errors.push(`${key}: ${error.message}`),
    onOverflow: () => {},
  });
});

const view = (text: string, refusal?: Refusal): View => ({ message: Buffer.from(text), topics: ['a'], refusal });
const nextTurn = (): Promise<void> => new Promise((done) => setImmediate(done));
const change = (next: () => View | Refusal): Promise<void> => {
  answer = next;
  topics.touch('a');
  return nextTurn();
};

/** A stream that keeps what it was told. */
function stream() {
  const told: Buffer[] = [];
  const fake = {
    told,
    open: true,
    owner: undefined as StreamOwner | undefined,
    send: (message: Buffer) => void told.push(message),
    end(code: number, details: string) {
      told.push(Buffer.from(`${code} ${details}`));
      this.close();
    },
    close() {
      fake.open = false;
      fake.owner?.closed(fake as unknown as OutgoingStream);
    },
  };
  return fake;
}
function serve() {
  const client = stream();
  const look = (): View | Refusal => {
    looks++;
    return answer();
  };
  views.serve('key', look, client as unknown as OutgoingStream);
  return client;
}
const textOf = ({ told }: ReturnType<typeof stream>): string[] => told.map(String);

test('clients of one key are told the same bytes, made once, and only when they change', async () => {
  const [first, second] = [serve(), serve()];
  expect(first.told[0]).toBe(second.told[0]);
  expect(looks).toBe(1);
  await change(() => view('two'));
  await change(() => view('two'));
  expect([textOf(first), textOf(second), looks]).toEqual([['one', 'two'], ['one', 'two'], 3]);
  expect(first.told[1]).toBe(second.told[1]);
});

test('a view that cannot be made is told of, and its clients stay with what they know', async () => {
  const client = serve();
  await change(() => {
    throw new Error('broken');
  });
  expect(errors).toEqual(['key: broken']);
  await change(() => view('two'));
  expect(textOf(client)).toEqual(['one', 'two']);
});

test('a target that comes to be unknown ends the streams, and who asks then is refused', async () => {
  const client = serve();
  const refusal = { code: Code.notFound, details: 'no such target' };
  await change(() => refusal);
  expect(textOf(client)).toEqual(['one', '5 no such target']);
  expect(textOf(serve())).toEqual(['5 no such target']);
  answer = () => view('again');
  expect(textOf(serve())).toEqual(['again']);
});

test('of what nobody is told any more, those who follow it stay, and others are refused', async () => {
  const client = serve();
  await change(() => view('', { code: Code.notFound, details: 'gone' }));
  expect([textOf(client), textOf(serve())]).toEqual([['one'], ['5 gone']]);
  await change(() => view('two'));
  expect(textOf(client)).toEqual(['one', 'two']);
});

test('a view is let go of with its last client', async () => {
  const [first, second] = [serve(), serve()];
  expect([...views.all()].map(({ followers }) => followers)).toEqual([2]);
  first.close();
  second.close();
  expect([...views.all()]).toEqual([]);
  await change(() => view('two'));
  expect(looks).toBe(1);
});
