/** What is told of objects that come again, made from each once, and kept as long as that is there. */
export class MadeOnce<Key extends object, Made> {
  private readonly known = new WeakMap<Key, Made>();
  private readonly make: (key: Key) => Made;

  constructor(make: (key: Key) => Made) {
    this.make = make;
  }

  of(key: Key): Made {
    let made = this.known.get(key);
    if (made === undefined) {
      made = this.make(key);
      this.known.set(key, made);
    }
    return made;
  }
}
