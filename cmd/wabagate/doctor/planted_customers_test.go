package doctor_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"wabagate/cmd/wabagate/doctor"
	"wabagate/fanout/deliver"
	"wabagate/fanout/task"
	"wabagate/models"
)

// certificate makes one for a name, signed by itself.
func certificate(t *testing.T, name string, from, until time.Time) (tls.Certificate, string, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(until.Unix()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf},
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

// receiver is a customer's, under a name of its own.
func (d *deployment) receiver(name string, until time.Time, trusted bool) string {
	d.t.Helper()
	cert, _, _ := certificate(d.t, name, time.Now().AddDate(-1, 0, 0), until)
	if trusted {
		d.roots.AddCert(cert.Leaf)
	}
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.StartTLS()
	d.t.Cleanup(s.Close)
	return "https://" + name + ":" + port(s.URL) + "/whatsapp"
}

func TestPlantedInWebhooks(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	var err error
	d.Allowed, err = deliver.ParseAllowed("*.crm.test") // which are all at 127.0.0.1, where no other name may lead
	require.NoError(t, err)
	now := time.Now()
	good := d.receiver("good.crm.test", now.AddDate(1, 0, 0), true)
	gone := httptest.NewTLSServer(http.NotFoundHandler())
	gone.Close()
	_, expired, key := certificate(t, "gateway", now.AddDate(-2, 0, 0), now.AddDate(0, 0, -3))

	planted := map[string]struct {
		hook  models.Webhook
		then  string // SQL, of the webhook's id
		level doctor.Level
		says  string
	}{
		"a private address":    {models.Webhook{URL: "https://10.0.0.8/hook"}, "", doctor.Wrong, "10.0.0.0/8 (private network)"},
		"loopback by name":     {models.Webhook{URL: "https://sly.test/hook"}, "", doctor.Wrong, "loopback"},
		"plain http":           {models.Webhook{URL: "http://public.test/hook"}, "", doctor.Wrong, "must begin with https"},
		"no such name":         {models.Webhook{URL: "https://crm.invalid/hook"}, "", doctor.Wrong, "does not resolve"},
		"nobody there":         {models.Webhook{URL: "https://gone.crm.test:" + port(gone.URL)}, "", doctor.Warning, "not reached"},
		"expired":              {models.Webhook{URL: d.receiver("expired.crm.test", now.AddDate(0, 0, -1), true)}, "", doctor.Wrong, "expired"},
		"about to expire":      {models.Webhook{URL: d.receiver("soon.crm.test", now.AddDate(0, 0, 5), true)}, "", doctor.Warning, "expires on"},
		"of no authority":      {models.Webhook{URL: d.receiver("self.crm.test", now.AddDate(1, 0, 0), false)}, "", doctor.Wrong, "unknown authority"},
		"unverified":           {models.Webhook{URL: good, Dialect: "awalchat"}, "", doctor.Wrong, "challenge"},
		"a client certificate": {models.Webhook{URL: good, Auth: models.Auth{Certificate: expired, Key: models.Secret(key)}}, "", doctor.Warning, "the certificate expired"},
		"failing for days": {models.Webhook{URL: good}, `INSERT INTO webhook_health (webhook_id, fail_count, last_triggered_at, failing_since, spread, warned) VALUES (%d, 9, now(), now() - interval '3 days', 6, 0)`,
			doctor.Warning, "has failed for 3 days"},
		"switched off by failures": {models.Webhook{URL: good}, `UPDATE webhooks SET is_active = false, disabled_by = 'failures', disabled_at = now() - interval '4 days' WHERE id = %d`, doctor.Warning, "4 days ago"},
		"switched off by a 410":    {models.Webhook{URL: good}, `UPDATE webhooks SET is_active = false, disabled_by = 'receiver', disabled_at = now() WHERE id = %d`, doctor.Warning, "410"},
		"switched off by its owner": {models.Webhook{URL: "https://10.0.0.8/hook"}, `UPDATE webhooks SET is_active = false, disabled_by = 'owner', disabled_at = now() WHERE id = %d`,
			doctor.OK, ""},
		"fine": {models.Webhook{URL: good}, "", doctor.OK, ""},
	}
	ids := map[string]int64{}
	for name, p := range planted {
		h := p.hook
		h.BusinessID, h.Name, h.Active, h.Events = d.business.ID, name, true, []string{"*"}
		if h.Dialect == "" {
			h.Dialect = "wabagate"
		}
		h, err := d.store.CreateWebhook(t.Context(), h)
		require.NoError(t, err)
		ids[name] = h.ID
		if p.then != "" {
			d.sql(fmt.Sprintf(p.then, h.ID))
		}
	}
	found := map[string]doctor.Finding{}
	for _, f := range doctor.Run(t.Context(), d.Options) {
		found[f.Check] = f
	}
	for name, p := range planted {
		f, said := found[fmt.Sprintf("webhook %d", ids[name])]
		if p.level == doctor.OK {
			require.False(t, said, "%s: %+v", name, f)
			continue
		}
		require.True(t, said, "%s: nothing is said", name)
		require.Equal(t, p.level, f.Level, "%s: %+v", name, f)
		require.Contains(t, f.Says, p.says, name)
		require.NotEmpty(t, f.Remedy)
	}

	d.sql(`DELETE FROM webhooks WHERE name <> 'fine'`)
	d.sound("webhooks")

	// Numbers, in the same deployment.
	d.sound("numbers")
	numbers, err := d.store.Numbers(t.Context(), d.business.ID)
	require.NoError(t, err)
	n := numbers[0].ID
	check := fmt.Sprintf("number %d", n)
	up := models.Upstream{NumberID: n, Style: "cloud", Token: "t", TokenExpiresAt: now.AddDate(0, 0, 3)}
	require.NoError(t, d.store.SetUpstream(t.Context(), d.business.ID, up))
	requireFound(t, d.finds(check), doctor.Warning, "expires on")
	up.TokenExpiresAt = now.AddDate(0, 0, -1)
	require.NoError(t, d.store.SetUpstream(t.Context(), d.business.ID, up))
	requireFound(t, d.finds(check), doctor.Wrong, "nothing is sent")
	up.TokenExpiresAt = time.Time{}
	require.NoError(t, d.store.SetUpstream(t.Context(), d.business.ID, up))
	d.sound("numbers")
	d.sql(fmt.Sprintf(`INSERT INTO number_pulses (number_id, first_at, last_at) VALUES (%d, now() - interval '9 days', now() - interval '5 hours')`, n))
	require.NoError(t, d.store.BeginSilence(t.Context(), n, now.Add(-5*time.Hour), now))
	requireFound(t, d.finds(check), doctor.Wrong, "is silent")
}

func TestPlantedInQueues(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	r := redis.NewClient(&redis.Options{Addr: d.redis.Addr()})
	t.Cleanup(func() { _ = r.Close() })
	client, inspector := asynq.NewClientFromRedisClient(r), asynq.NewInspectorFromRedisClient(r)
	enqueue := func(queue string) *asynq.TaskInfo {
		t.Helper()
		i, err := client.EnqueueContext(t.Context(), asynq.NewTask("t", nil), asynq.Queue(queue))
		require.NoError(t, err)
		return i
	}
	requireFound(t, d.finds("workers"), doctor.Warning, "start one with the role worker")
	live := enqueue(task.QueueLive)
	requireFound(t, d.finds("workers"), doctor.Wrong, "1 task waits")

	// What has been ready for an hour.
	require.NoError(t, r.HSet(t.Context(), "asynq:{"+task.QueueLive+"}:t:"+live.ID, "pending_since", time.Now().Add(-time.Hour).UnixNano()).Err())
	requireFound(t, d.finds("queue "+task.QueueLive), doctor.Wrong, "has been ready for 1h0m0s")
	require.NoError(t, inspector.ArchiveTask(task.QueueLive, live.ID))
	requireFound(t, d.finds("queue "+task.QueueLive), doctor.Warning, "in its archive")
	require.NoError(t, inspector.DeleteTask(task.QueueLive, live.ID))
	require.NoError(t, inspector.PauseQueue(task.QueueLive))
	requireFound(t, d.finds("queue "+task.QueueLive), doctor.Wrong, "is paused")
	require.NoError(t, inspector.UnpauseQueue(task.QueueLive))

	// A worker that leaves one queue alone, in which something waits.
	some := map[string]int{}
	for _, q := range (task.Layout{}).All() {
		if q != task.QueueSends {
			some[q] = 1
		}
	}
	enqueue(task.QueueSends)
	enqueue("callbacks-3")
	work := func(queues map[string]int) {
		t.Helper()
		own := redis.NewClient(&redis.Options{Addr: d.redis.Addr()})
		server := asynq.NewServerFromRedisClient(own, asynq.Config{Queues: queues, Concurrency: 1, LogLevel: asynq.FatalLevel})
		require.NoError(t, server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error { return nil })))
		t.Cleanup(func() { server.Shutdown(); _ = own.Close() })
	}
	work(some)
	require.Eventually(t, func() bool { ss, err := inspector.Servers(); return err == nil && len(ss) == 1 }, 10*time.Second, 5*time.Millisecond)
	requireFound(t, d.finds("queue "+task.QueueSends), doctor.Wrong, "nobody who works on it")
	requireFound(t, d.finds("queue callbacks-3"), doctor.Warning, "WABAGATE_QUEUE_SPREAD")
	require.NoError(t, inspector.DeleteQueue("callbacks-3", true))
	work(map[string]int{task.QueueSends: 1})
	require.Eventually(t, func() bool {
		i, err := inspector.GetQueueInfo(task.QueueSends)
		ss, err2 := inspector.Servers()
		return err == nil && i.Size == 0 && err2 == nil && len(ss) == 2
	}, 10*time.Second, 5*time.Millisecond)
	d.sound("workers", "queues", "backlog")

	// What the database has and the queue does not.
	w := models.Work{ID: d.store.NextID(), Kind: models.Deliver, WebhookID: 7, DueAt: time.Now().Add(-time.Hour), Members: []int64{1, 2}}
	d.sql(fmt.Sprintf(`INSERT INTO outbox (id, kind, priority, webhook_id, due_at, members) VALUES (%d, %d, 0, 7, %d, '{1,2}')`, w.ID, w.Kind, w.DueAt.UnixMilli()))
	requireFound(t, d.finds("backlog"), doctor.Wrong, "has been due for 1h")
	require.NoError(t, r.RPush(t.Context(), "wabagate:refuge", "{}").Err())
	d.sql(`DELETE FROM outbox`)
	requireFound(t, d.finds("backlog"), doctor.Warning, "wait in Redis for PostgreSQL")
}
