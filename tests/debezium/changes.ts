/** What is done in SQL, and what must come of it: cases as data, for the run and for the recorded messages. */
export interface Step {
  readonly name: string
  /** What happens to the processes before the SQL, and whether the worker is away meanwhile. */
  readonly restart?: 'worker killed' | 'worker killed, schemas off' | 'collector killed'
  readonly sql: string
  /** Events that come of it, as `eventText` writes them. */
  readonly events: readonly string[]
  /** Records that must be rejects for what they are: deletions that are ignored, tombstones, updates of no mapped column. */
  readonly leftOut: number
}

export const TOPICS = ['shop.public.customers', 'shop.public.orders'] as const

/** Beyond what PostgreSQL keeps in the row itself, and sends with an update that leaves it alone. */
const LARGE = 3_000

export const sources = [
  {
    kind: 'Source',
    id: 'customers',
    kafka: { topic: TOPICS[0], format: 'debezium', start: 'earliest', onDelete: 'unset' },
    map: {
      type: { const: 'identify' },
      identifiers: { user_id: 'id', email: 'email' },
      traits: { first_name: 'first_name', credit: 'credit', plan: 'plan' },
    },
  },
  {
    kind: 'Source',
    id: 'orders',
    kafka: { topic: TOPICS[1], format: 'debezium', start: 'earliest', onDelete: 'ignore' },
    map: {
      event: { const: 'Order Changed' },
      time: 'placed_at',
      identifiers: { user_id: 'customer_id' },
      properties: { id: 'id', total: 'total', placed_at: 'placed_at', op: '__op', note: 'note' },
    },
  },
] as const

export const schemaSql = `
  CREATE TABLE customers (id bigint PRIMARY KEY, email text NOT NULL, first_name text, credit numeric(30,10));
  CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL, total numeric(20,4) NOT NULL, placed_at timestamptz NOT NULL);
  INSERT INTO customers VALUES
    (1, 'ada@shop.example', 'Ada', 12345678901234567890.0123456789),
    (9007199254740993, 'big@shop.example', 'Grâce "G" \\ 😀', NULL),
    (3, 'leaves@shop.example', NULL, 0.1);
  INSERT INTO orders VALUES
    (9007199254740993, 1, 1234567890123456.7891, '2026-10-25 02:30:00.123456+02'),
    (2, 9007199254740993, -0.0001, '1969-12-31 23:59:59+00')`

export const steps: readonly Step[] = [
  {
    name: 'snapshot',
    sql: '',
    events: [
      'customers 1 ada@shop.example {"credit":"12345678901234567890.0123456789","first_name":"Ada"}',
      'customers 9007199254740993 big@shop.example {"credit":null,"first_name":"Grâce \\"G\\" \\\\ 😀"}',
      'customers 3 leaves@shop.example {"credit":"0.1000000000","first_name":null}',
      'orders 1 - {"id":9007199254740993,"op":"r","placed_at":"2026-10-25T00:30:00.123456Z","total":"1234567890123456.7891"} at 2026-10-25T00:30:00.123Z',
      'orders 9007199254740993 - {"id":2,"op":"r","placed_at":"1969-12-31T23:59:59.000000Z","total":"-0.0001"} at 1969-12-31T23:59:59.000Z',
    ],
    leftOut: 0,
  },
  {
    name: 'insert',
    sql: `INSERT INTO customers VALUES (9223372036854775807, 'max@shop.example', 'Max', 99999999999999999999.9999999999);
      INSERT INTO orders VALUES (-9223372036854775808, 9223372036854775807, 9999999999999999.9999, '2026-03-29 01:59:59.999999+01')`,
    events: [
      'customers 9223372036854775807 max@shop.example {"credit":"99999999999999999999.9999999999","first_name":"Max"}',
      'orders 9223372036854775807 - {"id":-9223372036854775808,"op":"c","placed_at":"2026-03-29T00:59:59.999999Z","total":"9999999999999999.9999"} at 2026-03-29T00:59:59.999Z',
    ],
    leftOut: 0,
  },
  {
    name: 'update',
    sql: `UPDATE customers SET email = 'ada@home.example', credit = 12345678901234567890.0123456790 WHERE id = 1;
      UPDATE orders SET total = 0.0100 WHERE id = 2`,
    events: [
      'customers 1 ada@home.example {"credit":"12345678901234567890.0123456790","first_name":"Ada"}',
      'orders 9007199254740993 - {"id":2,"op":"u","placed_at":"1969-12-31T23:59:59.000000Z","total":"0.0100"} at 1969-12-31T23:59:59.000Z',
    ],
    leftOut: 0,
  },
  {
    name: 'delete',
    sql: 'DELETE FROM customers WHERE id = 3; DELETE FROM orders WHERE id = 9007199254740993',
    events: ['customers 3 - {"credit":null,"first_name":null,"plan":null}'],
    // A tombstone follows each; the order's deletion is ignored.
    leftOut: 3,
  },
  {
    name: 'schema change (added column)',
    sql: `ALTER TABLE customers ADD COLUMN plan text;
      INSERT INTO customers VALUES (5, 'eve@shop.example', 'Eve', 1, 'pro');
      UPDATE customers SET plan = 'free' WHERE id = 1`,
    events: [
      'customers 5 eve@shop.example {"credit":"1.0000000000","first_name":"Eve","plan":"pro"}',
      'customers 1 ada@home.example {"credit":"12345678901234567890.0123456790","first_name":"Ada","plan":"free"}',
    ],
    leftOut: 0,
  },
  {
    name: 'collector killed with -9',
    restart: 'collector killed',
    sql: `INSERT INTO orders VALUES (7, 5, 7.7000, '2026-11-24 12:00:00+00')`,
    events: [
      'orders 5 - {"id":7,"op":"c","placed_at":"2026-11-24T12:00:00.000000Z","total":"7.7000"} at 2026-11-24T12:00:00.000Z',
    ],
    leftOut: 0,
  },
  {
    name: 'worker killed with -9, changes meanwhile',
    restart: 'worker killed',
    sql: `INSERT INTO customers VALUES (6, 'joe@shop.example', 'Joe', 2.5, NULL); DELETE FROM orders WHERE id = 2`,
    events: ['customers 6 joe@shop.example {"credit":"2.5000000000","first_name":"Joe","plan":null}'],
    leftOut: 2,
  },
  {
    name: 'worker killed with -9, then without schemas',
    restart: 'worker killed, schemas off',
    sql: `UPDATE customers SET plan = 'pro' WHERE id = 9007199254740993;
      INSERT INTO orders VALUES (9007199254740995, 5, 0.0001, '2026-11-24 12:00:00.000001+00')`,
    events: [
      'customers 9007199254740993 big@shop.example {"credit":null,"first_name":"Grâce \\"G\\" \\\\ 😀","plan":"pro"}',
      'orders 5 - {"id":9007199254740995,"op":"c","placed_at":"2026-11-24T12:00:00.000001Z","total":"0.0001"} at 2026-11-24T12:00:00.000Z',
    ],
    leftOut: 0,
  },
  {
    name: 'update of no mapped column, whole rows',
    sql: `ALTER TABLE customers REPLICA IDENTITY FULL;
      ALTER TABLE customers ADD COLUMN visits int;
      UPDATE customers SET visits = 1 WHERE id = 5;
      UPDATE customers SET visits = 2 WHERE id = 5;
      UPDATE customers SET visits = 3, plan = 'free' WHERE id = 5`,
    // What was null and is not any more may as well not have been sent: the first is an event.
    events: [
      'customers 5 eve@shop.example {"credit":"1.0000000000","first_name":"Eve","plan":"pro"}',
      'customers 5 eve@shop.example {"credit":"1.0000000000","first_name":"Eve","plan":"free"}',
    ],
    leftOut: 1,
  },
  {
    name: 'update beside a large value',
    sql: `ALTER TABLE orders ADD COLUMN note text;
      ALTER TABLE orders ALTER COLUMN note SET STORAGE EXTERNAL;
      INSERT INTO orders VALUES (8, 5, 8.8000, '2026-11-24 13:00:00+00', repeat('n', ${LARGE}));
      UPDATE orders SET total = 8.9000 WHERE id = 8`,
    events: [
      `orders 5 - {"id":8,"note":"${'n'.repeat(LARGE)}","op":"c","placed_at":"2026-11-24T13:00:00.000000Z","total":"8.8000"} at 2026-11-24T13:00:00.000Z`,
      'orders 5 - {"id":8,"op":"u","placed_at":"2026-11-24T13:00:00.000000Z","total":"8.9000"} at 2026-11-24T13:00:00.000Z',
    ],
    leftOut: 0,
  },
]
