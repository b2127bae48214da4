import type { Screen, Terminal } from '../terminal.ts';
import { type TopOrder, type TopTable, topOrders } from './top-table.ts';

const refreshMs = 500;
const clear = '\u001b[H\u001b[2J';
const enter = '\u001b[?1049h\u001b[?25l';
const leave = '\u001b[?25h\u001b[?1049l';

/** The table on a terminal, drawn anew now and then, on a page of its own. */
export class LiveTable {
  private readonly table: TopTable;
  private readonly screen: Screen;
  private readonly terminal: Terminal;
  private readonly timer: NodeJS.Timeout;
  private readonly release: () => void;
  private stop: () => void = () => {};
  private order: TopOrder = 'count';
  private paused = false;

  constructor(table: TopTable, screen: Screen, terminal: Terminal) {
    this.table = table;
    this.screen = screen;
    this.terminal = terminal;
    terminal.out(enter);
    this.release = screen.onKey((key) => this.onKey(key));
    this.timer = setInterval(() => this.draw(), refreshMs);
    this.draw();
  }

  add(event: Parameters<TopTable['add']>[0]): void {
    if (!this.paused) this.table.add(event);
  }

  /** Signals, and keys: a terminal that gives keys gives no signal for Ctrl-C. */
  onStop(stop: () => void): void {
    this.stop = stop;
    this.terminal.onStop(stop);
  }

  close(): void {
    clearInterval(this.timer);
    this.release();
    this.terminal.out(leave);
  }

  private onKey(key: string): void {
    if (key === 'q' || key === '\u0003') this.stop();
    else if (key === 'p') this.paused = !this.paused;
    else this.order = topOrders.find((order) => order.startsWith(key)) ?? this.order;
    this.draw();
  }

  private draw(): void {
    const { rows, columns } = this.screen.size();
    const state = this.paused ? 'paused (p goes on)' : `by ${this.order} (c b w l s), p pauses, q ends`;
    const lines = this.table
      .text(this.order, Math.max(1, rows - 3))
      .trimEnd()
      .split('\n');
    const page = [state, ...lines].map((line) => line.slice(0, columns));
    this.terminal.out(`${clear}${page.join('\r\n')}`);
  }
}
