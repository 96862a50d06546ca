package bench

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"wabagate/models"
)

// past is history that was never lived through: rows as the gateway would have left them, made inside the database. It
// is made in chapters, each spread evenly over the last pastDays.
//
// Events come in talks of four: a customer's message, and the three statuses of the answer. Each came in a callback of
// its own and was delivered to one webhook at the first attempt; one in fifty failed. Half of everything belongs to the
// first tenant, the busy one whose rows are asked for, the rest to the others. A person has talks all over the time.
type past struct {
	tenants  []tenant
	chapters []chapter
}

// tenant is a business with one number and one webhook.
type tenant struct {
	business, number, webhook int64
	phone                     string // number in digits
	phoneNumberID             string
}

// chapter is what one filling made. Row k of it can be found again by what the methods say.
type chapter struct {
	n              int64 // events
	seed           int64 // tells chapters apart, in ids too
	start          int64 // milliseconds since ids began
	person, people int64 // the first contact, which is the first conversation too, and how many
}

const (
	pastDays = 30
	pastSpan = pastDays * 24 * int64(time.Hour/time.Millisecond)
	// talk is how many events one is.
	talk = 4
	// eventsPerPerson is on average.
	eventsPerPerson = 200
	// pastNode is the node that the first chapter's ids are of, one that no process claims in a run.
	pastNode = 1000
)

// newChapter is for n events that ended a moment ago. person is the first id that is free for contacts and conversations.
func newChapter(n, seed, person int64, now time.Time) chapter {
	c := chapter{n: n, seed: seed, person: person, people: max(2, n/eventsPerPerson)}
	c.start = models.FirstID(now)>>22 - pastSpan
	return c
}

// callbackID is the id of the k-th callback; that of its event is one more.
func (c chapter) callbackID(k int64) int64 {
	return (c.start+k*pastSpan/c.n)<<22 | (pastNode+c.seed)<<12
}

func (c chapter) eventID(k int64) int64 { return c.callbackID(k) + 1 }

// personOf is the contact and conversation of the k-th event.
func (c chapter) personOf(k int64) int64 { return c.person + k/talk%c.people }

func (c chapter) key(k int64) (key [16]byte) {
	return md5.Sum(fmt.Appendf(nil, "event %d.%d", c.seed, k))
}

// wamid is of the message that the k-th event is about.
func (c chapter) wamid(k int64) string {
	way := "in"
	if k%talk > 0 {
		way = "out"
	}
	sum := md5.Sum(fmt.Appendf(nil, "%s %d.%d", way, c.seed, k/talk))
	return "wamid.HBgM" + hex.EncodeToString(sum[:])[:24]
}

// waID is the number of a contact, in digits.
func waID(person int64) string { return strconv.FormatInt(447_000_000_000+person, 10) }

// tenantOf is whose a contact is, counted from 0.
func tenantOf(person int64, tenants int) int {
	if person%2 == 0 || tenants == 1 {
		return 0
	}
	return 1 + int(person/2)%(tenants-1)
}

// filling is the SQL that writes a chapter. Each statement gets the arguments of arguments; those of events also the
// rows to write, as @first and @end, which is exclusive.
type filling struct {
	people []string // once, before the events
	events []string
	counts []string // once, after the events
	after  []string // once, without arguments
}

// peopleRows and eventRows say what chapter's methods say, as SQL.
const (
	peopleRows = `WITH row AS (
		SELECT p, 447000000000 + p AS wa_id, to_timestamp((@start::bigint + @epoch::bigint) / 1000.0) AS at,
			CASE WHEN p % 2 = 0 OR @tenants::int = 1 THEN 1 ELSE 2 + (p / 2 % (@tenants::int - 1))::int END AS t
		FROM generate_series(@person::bigint, @person::bigint + @people::bigint - 1) AS p) `

	eventRows = `WITH drawn AS (
		SELECT k, k % 4 AS step, @start::bigint + k * @span::bigint / @n::bigint AS ms, @person::bigint + k / 4 % @people::bigint AS person,
			'wamid.HBgM' || left(md5(CASE WHEN k % 4 > 0 THEN 'out ' ELSE 'in ' END || @seed::bigint || '.' || k / 4), 24) AS wamid
		FROM generate_series(@first::bigint, @end::bigint - 1) AS k),
	owned AS (
		SELECT drawn.*, (ms << 22) | (@node::bigint << 12) AS id, (ms + @epoch::bigint) / 1000 AS unix, to_timestamp((ms + @epoch::bigint) / 1000.0) AS at,
			CASE WHEN person % 2 = 0 OR @tenants::int = 1 THEN 1 ELSE 2 + (person / 2 % (@tenants::int - 1))::int END AS t
		FROM drawn),
	row AS (
		SELECT owned.*, (@businesses::bigint[])[t] AS business_id, (@numbers::bigint[])[t] AS number_id, (@webhooks::bigint[])[t] AS webhook_id,
			(@phone_ids::text[])[t] AS phone_id, (@phones::text[])[t] AS phone, (447000000000 + person)::text AS wa_id,
			(ARRAY['received', 'sent', 'delivered', 'read'])[step + 1] AS status,
			to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS".000Z"') AS moment, k % 50 = 7 AS failed,
			'Could you send a new cup, please? Mine came broken, number ' || k || '. ' || repeat('Thank you very much. ', 4) AS text
		FROM owned) `
)

// presentFilling fits the schema as the migrations leave it.
var presentFilling = filling{
	people: []string{
		peopleRows + `INSERT INTO contacts (id, business_id, name, username, wa_id, user_id, parent_user_id, created_at, updated_at)
			SELECT p, (@businesses::bigint[])[t], 'Customer ' || p, '', wa_id, 'GB.' || p, '', at, at FROM row`,
		peopleRows + `INSERT INTO identities (business_id, kind, value, contact_id)
			SELECT (@businesses::bigint[])[t], kind, CASE kind WHEN 1 THEN 'GB.' || p ELSE wa_id::text END, p FROM row, unnest('{1,2}'::smallint[]) AS kind`,
		// The last talk of a person is the last whose number leaves the person's place when it is divided by how many there are.
		peopleRows + `INSERT INTO conversations (id, number_id, contact_id, sequence, created_at, last_inbound_at)
			SELECT p, (@numbers::bigint[])[t], p, 4 * (@n::bigint / (4 * @people::bigint) + 1), at,
				at + (greatest(@n::bigint / 4 - 1 - (p - @person::bigint), 0) / @people::bigint * @people::bigint + p - @person::bigint) * 4 * @span::bigint / @n::bigint * interval '1 ms' FROM row`,
		// Every fourth person has ordered something.
		peopleRows + `INSERT INTO orders (business_id, number_id, conversation_id, wamid, reference, status, payment_status, catalog_id, text, currency, total, items, created_at, updated_at)
			SELECT (@businesses::bigint[])[t], (@numbers::bigint[])[t], p, 'wamid.order' || p, '', (ARRAY['pending', 'processing', 'shipped', 'completed'])[p / 8 % 4 + 1], '', '7001', '', 'GBP',
				p % 90 + 9.5, '[{"product_retailer_id":"cup-1","quantity":2,"item_price":12.5,"currency":"GBP"}]', at + p % 30 * interval '1 day', at + p % 30 * interval '1 day'
			FROM row WHERE p / 2 % 4 = 0`,
		`SELECT setval(pg_get_serial_sequence('contacts', 'id'), @person::bigint + @people::bigint)`,
		`SELECT setval(pg_get_serial_sequence('conversations', 'id'), @person::bigint + @people::bigint)`,
		// The busy tenant has sent many broadcasts, and changed something a thousand times a day.
		`WITH made AS (INSERT INTO broadcasts (business_id, number_id, reference, name, template_name, total, sent, delivered, read, failed, started_at, updated_at, completed_at)
				SELECT (@businesses::bigint[])[1], (@numbers::bigint[])[1], 'bench ' || @seed::bigint || '.' || b, 'Spring ' || b, 'spring', 1000, 990, 980, 700, 10,
					now() - b * interval '1 hour', now(), now() - b * interval '1 hour' FROM generate_series(1, least(@n::bigint / 1000, 500)) AS b RETURNING id, started_at)
			INSERT INTO broadcast_plans (broadcast_id, business_id, number_id, state, body, pace, recipients, place, opted_out, cancelled, lease_owner, created_at, started_at, finished_at)
			SELECT id, (@businesses::bigint[])[1], (@numbers::bigint[])[1], 'completed', '{"type":"template","template":{"name":"spring","language":{"code":"en"}}}', 80, 1000, 1000, 0, 0, 0,
				started_at, started_at, started_at FROM made`,
		`INSERT INTO audit (id, business_id, actor_kind, actor_id, actor, ip, action, kind, object_id, object, changes)
			SELECT (@start::bigint + a * @span::bigint / least(@n::bigint, 30000) << 22) | (@node::bigint << 12), (@businesses::bigint[])[1], 'user', 1, 'bench0@example.com', '203.0.113.7',
				'webhook.updated', 'webhook', '1', 'Receiver', '[{"field":"rate_limit","before":10,"after":20}]' FROM generate_series(0, least(@n::bigint, 30000) - 1) AS a`,
	},
	events: []string{
		eventRows + `INSERT INTO callbacks (id, app_id, received_at, body)
			SELECT id, @app::bigint, at, convert_to('{"object":"whatsapp_business_account","entry":[{"id":"500100200300400","changes":[{"value":{"messaging_product":"whatsapp",'
				|| '"metadata":{"display_phone_number":"' || phone || '","phone_number_id":"' || phone_id || '"},' || CASE WHEN step = 0
				THEN '"contacts":[{"profile":{"name":"Customer ' || person || '"},"wa_id":"' || wa_id || '","user_id":"GB.' || person || '"}],"messages":[{"from":"' || wa_id
					|| '","from_user_id":"GB.' || person || '","id":"' || wamid || '","timestamp":"' || unix || '","type":"text","text":{"body":"' || text || '"}}]'
				ELSE '"statuses":[{"id":"' || wamid || '","status":"' || status || '","timestamp":"' || unix || '","recipient_id":"' || wa_id
					|| '","recipient_user_id":"GB.' || person || '","biz_opaque_callback_data":"origin=agent","pricing":{"billable":true,"pricing_model":"PMP","type":"regular","category":"utility"}}]'
				END || '},"field":"messages"}]}]}', 'UTF8') FROM row`,
		eventRows + `INSERT INTO events (id, key, business_id, number_id, type, conversation_id, sequence, callback_id, created_at, data)
			SELECT id + 1, decode(md5('event ' || @seed::bigint || '.' || k), 'hex'), business_id, number_id, CASE WHEN step = 0 THEN 'message.received' ELSE 'message.report' END,
				person, 4 * (k / 4 / @people::bigint) + step + 1, id, at,
				'{"business_id":' || business_id || ',"occurred_at":"' || moment || '","sequence":' || 4 * (k / 4 / @people::bigint) + step + 1
				|| ',"number":{"id":' || number_id || ',"phone_number_id":"' || phone_id || '","display_phone_number":"' || phone || '","waba_id":"500100200300400"}'
				|| ',"contact":{"id":' || person || ',"name":"Customer ' || person || '","wa_id":"' || wa_id || '","user_id":"GB.' || person || '"}'
				|| ',"conversation":{"id":' || person || ',"created_at":"' || moment || '","status":"open"},' || CASE WHEN step = 0
				THEN '"message":{"id":"' || wamid || '","direction":"inbound","from":"' || wa_id || '","to":"' || phone || '","type":"text","text":"' || text
					|| '","timestamp":"' || moment || '"}'
				ELSE '"status":{"message_id":"' || wamid || '","status":"' || status || '","current_status":"' || status || '","recipient_id":"' || wa_id || '","recipient_user_id":"GB.'
					|| person || '","timestamp":"' || moment || '","tracking":"origin=agent","pricing":{"billable":true,"pricing_model":"PMP","type":"regular","category":"utility"}}'
				END || '}' FROM row`,
		eventRows + `INSERT INTO event_keys (key, event_id) SELECT decode(md5('event ' || @seed::bigint || '.' || k), 'hex'), id + 1 FROM row`,
		eventRows + `INSERT INTO deliveries (event_id, webhook_id, state, attempts, due_at, failed_at, key, type, created_at,
				last_status, last_us, last_at, last_reason)
			SELECT id + 1, webhook_id, CASE WHEN failed THEN 2 ELSE 1 END, 1, at, CASE WHEN failed THEN at END,
				decode(md5('event ' || @seed::bigint || '.' || k), 'hex'), CASE WHEN step = 0 THEN 'message.received' ELSE 'message.report' END, at,
				CASE WHEN failed THEN 500 ELSE 200 END, 2000 + k % 30000, at, CASE WHEN failed THEN 'the answer was 500' ELSE '' END FROM row`,
		eventRows + `INSERT INTO attempts (event_id, webhook_id, n, started_at, duration_us, status, outcome, reason, answer)
			SELECT id + 1, webhook_id, 1, at, 2000 + k % 30000, CASE WHEN failed THEN 500 ELSE 200 END, CASE WHEN failed THEN 'rejected' ELSE 'delivered' END,
				CASE WHEN failed THEN 'the answer was 500' ELSE '' END, CASE WHEN failed THEN 'Internal Server Error' ELSE 'ok' END FROM row`,
		// Step 1 stands for the answer, which its last status has reached by now.
		eventRows + `INSERT INTO messages (number_id, wamid, conversation_id, inbound, type, text, status, sent_at, status_at, sent_by, first_event, last_event)
			SELECT number_id, wamid, person, step = 0, 'text', text, CASE WHEN step = 0 THEN '' ELSE 'read' END, at, CASE WHEN step = 1 THEN at END, CASE WHEN step = 1 THEN 'agent' END,
				id + 1, CASE WHEN step = 0 THEN id + 1 ELSE (@start::bigint + (k + 2) * @span::bigint / @n::bigint << 22) + (@node::bigint << 12) + 1 END
			FROM row WHERE step <= 1`,
	},
	counts: []string{
		hourRows(),
		eventRows + `INSERT INTO number_hours AS h (number_id, hour, callbacks, slots, events, received, sent)
			SELECT number_id, unix / 3600, count(*), bit_or(1 << (unix % 3600 / 300)::int), count(*), count(*) FILTER (WHERE step = 0), 0 FROM row GROUP BY 1, 2
			ON CONFLICT (number_id, hour) DO UPDATE SET callbacks = h.callbacks + excluded.callbacks, slots = h.slots | excluded.slots, events = h.events + excluded.events,
				received = h.received + excluded.received, sent = h.sent + excluded.sent`,
		`INSERT INTO gap_marks (name, at) VALUES ('counted', @start::bigint + @span::bigint + @epoch::bigint) ON CONFLICT (name) DO UPDATE SET at = excluded.at`,
	},
	after: []string{`VACUUM (ANALYZE)`, `CHECKPOINT`},
}

// hourRows adds up what became of deliveries, by the hour. Each was made and attempted in the same moment.
func hourRows() string {
	sums := []string{"made", "succeeded", "failed", "skipped", "attempts", "attempts_failed", "us"}
	var bounds, counts []string
	for part := range 32 {
		sums = append(sums, fmt.Sprintf("l%02d", part))
		counts = append(counts, fmt.Sprintf("count(*) FILTER (WHERE part = %d)", part))
		if part > 0 {
			bounds = append(bounds, fmt.Sprintf("%.0f", 1000*math.Pow(2, float64(part-1)/2))) // microseconds
		}
	}
	var added []string
	for _, column := range sums {
		added = append(added, fmt.Sprintf("%s = h.%[1]s + excluded.%[1]s", column))
	}
	return eventRows + `INSERT INTO delivery_hours AS h (webhook_id, hour, business_id, ` + strings.Join(sums, ", ") + `, least_us, most_us)
		SELECT webhook_id, unix / 3600, business_id, count(*), count(*) FILTER (WHERE NOT failed), count(*) FILTER (WHERE failed), 0, count(*), count(*) FILTER (WHERE failed), sum(us),
			` + strings.Join(counts, ", ") + `, min(us), max(us)
		FROM (SELECT row.*, 2000 + k % 30000 AS us, width_bucket(2000 + k % 30000, '{` + strings.Join(bounds, ",") + `}'::bigint[]) AS part FROM row) AS tried GROUP BY 1, 2, 3
		ON CONFLICT (webhook_id, hour) DO UPDATE SET ` + strings.Join(added, ", ") + `, least_us = least(h.least_us, excluded.least_us), most_us = greatest(h.most_us, excluded.most_us)`
}

func (p *past) arguments(c chapter) pgx.NamedArgs {
	var businesses, numbers, webhooks []int64
	var phones, phoneIDs []string
	for _, t := range p.tenants {
		businesses, numbers, webhooks = append(businesses, t.business), append(numbers, t.number), append(webhooks, t.webhook)
		phones, phoneIDs = append(phones, t.phone), append(phoneIDs, t.phoneNumberID)
	}
	return pgx.NamedArgs{
		"n": c.n, "seed": c.seed, "node": pastNode + c.seed, "start": c.start, "span": pastSpan, "epoch": models.IDTime(0).UnixMilli(), "person": c.person, "people": c.people,
		"tenants": len(p.tenants), "businesses": businesses, "numbers": numbers, "webhooks": webhooks, "phones": phones, "phone_ids": phoneIDs, "app": int64(1),
	}
}

const (
	// fillers is how many connections write at a time.
	fillers = 2
	// fillRows is how many events a transaction writes.
	fillRows = 20_000
)

// write makes a chapter of n events more. told hears how many are written, now and then.
func (p *past) write(ctx context.Context, st *setting, f filling, n int64, told func(written int64)) error {
	conns := make(chan *pgx.Conn, fillers)
	for range fillers {
		conn, err := pgx.Connect(ctx, st.databaseURL)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
		if _, err := conn.Exec(ctx, "SET synchronous_commit = off"); err != nil { // it is thrown away anyway
			return err
		}
		conns <- conn
	}
	first := <-conns
	var person int64
	if err := first.QueryRow(ctx, "SELECT greatest((SELECT max(id) FROM contacts), (SELECT max(id) FROM conversations), 0) + 1").Scan(&person); err != nil {
		return err
	}
	c := newChapter(n, int64(len(p.chapters)), person, time.Now())
	if err := st.store.MakeLeaves(ctx, models.IDTime(c.callbackID(0)), models.IDTime(c.eventID(n))); err != nil {
		return err
	}
	if err := execute(ctx, first, f.people, p.arguments(c)); err != nil {
		return fmt.Errorf("write people: %w", err)
	}
	conns <- first
	for part := range parts(n) {
		g, partCtx := errgroup.WithContext(ctx)
		g.SetLimit(fillers)
		for from := part[0]; from < part[1]; from += fillRows {
			g.Go(func() error {
				conn := <-conns
				defer func() { conns <- conn }()
				args := p.arguments(c)
				args["first"], args["end"] = from, min(from+fillRows, part[1])
				return pgx.BeginFunc(partCtx, conn, func(tx pgx.Tx) error { return execute(partCtx, tx, f.events, args) })
			})
		}
		if err := g.Wait(); err != nil {
			return fmt.Errorf("write events: %w", err)
		}
		told(part[1])
	}
	last := <-conns
	defer func() { conns <- last }()
	all := p.arguments(c)
	all["first"], all["end"] = int64(0), n
	if err := execute(ctx, last, f.counts, all); err != nil {
		return fmt.Errorf("count events: %w", err)
	}
	p.chapters = append(p.chapters, c)
	return execute(ctx, last, f.after, nil)
}

// execute runs statements one after the other; without arguments when args is nil.
func execute(ctx context.Context, db interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}, statements []string, args pgx.NamedArgs) error {
	for _, sql := range statements {
		var given []any
		if args != nil {
			given = []any{args}
		}
		if _, err := db.Exec(ctx, sql, given...); err != nil {
			return err
		}
	}
	return nil
}

// parts are a number cut into at most ten ranges, of a million each at least.
func parts(n int64) func(yield func([2]int64) bool) {
	size := max(1_000_000, (n+9)/10)
	return func(yield func([2]int64) bool) {
		for from := int64(0); from < n; from += size {
			if !yield([2]int64{from, min(from+size, n)}) {
				return
			}
		}
	}
}
