package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"wabagate/fanout/event"
	"wabagate/fanout/signature"
	"wabagate/models"
)

// setting is a database with businesses to measure on.
type setting struct {
	databaseURL, redisURL string
	data                  string        // directory of the embedded database
	store                 *models.Store // open with PostgreSQL only: SQLite is left to the gateway
	single                business      // one webhook
	healthy, troubled     business      // many webhooks; the first of troubled's hangs
	text, all             business      // one webhook each, for every event
}

// business is where callbacks of one number go.
type business struct {
	app, secret, number string
	key                 string // of its API
	email, password     string // of its owner
	hooks               int
	wants               string // what its webhooks are subscribed to
	webhook             int64  // the last of them
}

// businesses are those that a run with a mix needs.
func (st *setting) businesses(mix string, hooks int) []*business {
	if mix == MixAll {
		st.text = business{hooks: 1, wants: "*"}
		st.all = st.text
		return []*business{&st.text, &st.all}
	}
	const messages = "message.received"
	st.single, st.healthy = business{hooks: 1, wants: messages}, business{hooks: hooks, wants: messages}
	st.troubled = st.healthy
	return []*business{&st.single, &st.healthy, &st.troubled}
}

// prepare makes a fresh database and, in it, what the stages need, through the commands that operations use.
func (b *bench) prepare(ctx context.Context) (*setting, error) {
	b.say.begin("prepare a database")
	st, err := b.empty(ctx)
	if err != nil {
		return nil, err
	}
	ids := map[*business]int64{}
	for i, bz := range st.businesses(b.o.Mix, b.s.hooks) {
		if ids[bz], err = b.found(ctx, st, bz, i); err != nil {
			return nil, err
		}
	}
	store, err := st.open(ctx)
	if err != nil {
		return nil, err
	}
	for bz, id := range ids {
		for hook := range bz.hooks {
			w := models.Webhook{BusinessID: id, Name: fmt.Sprintf("Receiver %d", hook), URL: b.receiver.address(hook), Events: []string{bz.wants},
				Dialect: "wabagate", Secret: models.Secret(signature.NewRandomSecret().Text()), Active: true}
			switch {
			case bz == &st.troubled && hook == 0:
				w.URL = b.receiver.hanging()
			case bz.wants == "*":
				w.URL = b.receiver.counting()
			}
			if w, err = store.CreateWebhook(ctx, w); err != nil {
				return nil, errors.Join(err, store.Close())
			}
			bz.webhook = w.ID
		}
	}
	if st.databaseURL == "" {
		err = store.Close()
	} else {
		st.store = store
	}
	b.say.end("done")
	return st, err
}

// empty makes a fresh database.
func (b *bench) empty(ctx context.Context) (_ *setting, err error) {
	st := &setting{redisURL: b.stores.redisURL}
	if st.databaseURL, err = b.stores.fresh(ctx); err != nil {
		return nil, err
	}
	if st.data, err = os.MkdirTemp(b.dir, "data-"); err != nil {
		return nil, err
	}
	if st.databaseURL != "" {
		if _, err := b.run(ctx, "migrate", st.env(), "migrate"); err != nil {
			return nil, err
		}
	}
	return st, nil
}

// found makes the i-th business with an app and a number, and returns its id.
func (b *bench) found(ctx context.Context, st *setting, bz *business, i int) (int64, error) {
	bz.app, bz.secret, bz.number = fmt.Sprintf("bench%d", i), models.RandomToken().Text(), fmt.Sprintf("60070080090020%d", i)
	bz.email, bz.password = bz.app+"@example.com", models.RandomToken().Text()
	out, err := b.run(ctx, "bootstrap", st.env(), "admin", "bootstrap", "--json", "--business", "Bench "+bz.app, "--email", bz.email,
		"--password", bz.password, "--app", bz.app, "--app-secret", bz.secret, "--verify-token", models.RandomToken().Text(),
		"--phone-number-id", bz.number, "--display-number", fmt.Sprintf("1555010030%d", i))
	if err != nil {
		return 0, err
	}
	var made struct {
		BusinessID int64  `json:"business_id"`
		APIKey     string `json:"api_key"`
	}
	if err := json.Unmarshal([]byte(out), &made); err != nil || made.BusinessID == 0 {
		return 0, fmt.Errorf("admin bootstrap printed something else than expected: %w", err)
	}
	bz.key = made.APIKey
	return made.BusinessID, nil
}

// open connects to the database. With SQLite, do so only while no gateway runs.
func (st *setting) open(ctx context.Context) (*models.Store, error) {
	return models.Open(ctx, models.Options{DatabaseURL: models.Secret(st.databaseURL), Dir: st.data, MaxConns: 2, ApplicationName: "wabagate-bench"})
}

// owed are the types of the events, by id, that a business's last webhook has deliveries of, since a moment.
func (st *setting) owed(ctx context.Context, bz business, since time.Time) (map[string]string, error) {
	rows, err := st.deliveries(ctx, since, bz.webhook)
	if err != nil {
		return nil, err
	}
	types := map[string]string{}
	for _, row := range rows[0] {
		types[event.Key(row.Key).EventID()] = row.Type
	}
	return types, nil
}

// deliveries are all that each of the webhooks has of events since a moment, newest first.
func (st *setting) deliveries(ctx context.Context, since time.Time, webhooks ...int64) (_ [][]models.DeliveryRow, err error) {
	store, err := st.open(ctx) // not st.store: PostgreSQL counts the commits of a connection for certain only when it ends
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	all := make([][]models.DeliveryRow, len(webhooks))
	for i, webhook := range webhooks {
		for filter := (models.DeliveryFilter{From: since, Limit: 200}); ; {
			rows, err := store.Deliveries(ctx, webhook, filter)
			if err != nil {
				return nil, err
			}
			all[i] = append(all[i], rows...)
			if len(rows) < filter.Limit {
				break
			}
			filter.Before = rows[len(rows)-1].EventID
		}
	}
	return all, nil
}

// env points a process at the setting's stores.
func (st *setting) env() []string {
	env := []string{"WABAGATE_DATA=" + filepath.Clean(st.data)}
	if st.databaseURL != "" {
		env = append(env, "DATABASE_URL="+st.databaseURL)
	}
	if st.redisURL != "" {
		env = append(env, "REDIS_URL="+st.redisURL)
	}
	return env
}

// commits is how many transactions the database has committed; false where it does not tell. PostgreSQL hears of the
// last of them when their connections end, so ask while no gateway runs.
func (st *setting) commits(ctx context.Context) (int64, bool) {
	if st.store == nil {
		return 0, false
	}
	n, err := st.store.Commits(ctx)
	return n, err == nil && n > 0
}

// close ends our connections; the data goes with its server or directory.
func (st *setting) close() {
	if st.store != nil {
		_ = st.store.Close()
		st.store = nil
	}
}
