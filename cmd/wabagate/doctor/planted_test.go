package doctor_test

import (
	"context"
	"crypto/x509"
	"encoding/binary"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"wabagate/cmd/wabagate/doctor"
	"wabagate/deploy/throwaway"
	"wabagate/fanout/deliver"
	"wabagate/models"
)

// deployment is a sound one of real servers, in which tests plant what is wrong.
type deployment struct {
	doctor.Options
	t        *testing.T
	postgres *throwaway.Postgres
	redis    *throwaway.Redis
	store    *models.Store
	business models.Business
	roots    *x509.CertPool
}

// deploy starts a PostgreSQL and a Redis of its own, set as they should be, and a reverse proxy that answers for the gateway.
func deploy(t *testing.T) *deployment {
	t.Helper()
	d := &deployment{t: t, roots: x509.NewCertPool()}
	var err error
	d.postgres, err = throwaway.StartPostgres(t.Context(), throwaway.PostgresOptions{Durable: true})
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = d.postgres.Stop() })
	d.sql(`ALTER SYSTEM SET shared_buffers = '160MB'`)
	require.NoError(t, d.postgres.Halt())
	require.NoError(t, d.postgres.Resume(t.Context()))
	d.redis = startRedis(t, nil)
	d.store = d.migrate()
	d.business, err = d.store.CreateBusiness(t.Context(), "Bakery")
	require.NoError(t, err)
	_, err = d.store.CreateNumber(t.Context(), models.Number{BusinessID: d.business.ID, PhoneNumberID: "600700800900100", Display: "15550100200"})
	require.NoError(t, err)
	require.NoError(t, d.store.MakeLeaves(t.Context(), time.Now(), time.Now().AddDate(0, 0, 3)))

	front := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }))
	t.Cleanup(front.Close)
	d.roots.AddCert(front.Certificate())
	o, err := redis.ParseURL(d.redis.URL())
	require.NoError(t, err)
	d.Options = doctor.Options{
		Database: models.Options{DatabaseURL: models.Secret(d.postgres.URL()), MasterKey: masterKey}, Redis: &redis.UniversalOptions{Addrs: []string{o.Addr}}, Conns: 16,
		Allowed: deliver.Allowed{}, Resolver: resolver(t), Roots: d.roots, PublicURL: "https://example.com:" + port(front.URL), Proxied: true, Upstreams: []string{"https://example.com"},
		Media: func(context.Context) error { return nil }, MediaPlace: "nowhere",
	}
	return d
}

const masterKey = "the master key of this test"

func startRedis(t *testing.T, settings map[string]string) *throwaway.Redis {
	t.Helper()
	r, err := throwaway.StartRedis(t.Context(), throwaway.RedisOptions{AOF: true, Settings: settings})
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = r.Stop() })
	return r
}

func (d *deployment) migrate() *models.Store {
	d.t.Helper()
	s, err := models.Open(d.t.Context(), models.Options{DatabaseURL: models.Secret(d.postgres.URL()), MasterKey: masterKey})
	require.NoError(d.t, err)
	d.t.Cleanup(func() { _ = s.Close() })
	_, err = s.Migrate(d.t.Context())
	require.NoError(d.t, err)
	return s
}

// sql runs statements as the superuser.
func (d *deployment) sql(statements ...string) {
	d.t.Helper()
	conn, err := pgx.Connect(d.t.Context(), d.postgres.URL())
	require.NoError(d.t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	for _, s := range statements {
		_, err := conn.Exec(d.t.Context(), s)
		require.NoError(d.t, err, s)
	}
}

// system sets a setting of the server and waits until new sessions have it.
func (d *deployment) system(setting, value string) {
	d.t.Helper()
	d.sql(`ALTER SYSTEM SET `+setting+` = `+value, `SELECT pg_reload_conf()`)
	require.Eventually(d.t, func() bool {
		conn, err := pgx.Connect(d.t.Context(), d.postgres.URL())
		if err != nil {
			return false
		}
		defer func() { _ = conn.Close(context.Background()) }()
		var source string
		return conn.QueryRow(d.t.Context(), `SELECT sourcefile FROM pg_settings WHERE name = $1 AND setting = $2`, setting, strings.Trim(value, "'")).Scan(&source) == nil && strings.HasSuffix(source, "auto.conf")
	}, 10*time.Second, 5*time.Millisecond, "the server does not take %s", setting)
}

// reset takes back what system set.
func (d *deployment) reset(setting string) {
	d.t.Helper()
	d.sql(`ALTER SYSTEM RESET `+setting, `SELECT pg_reload_conf()`)
}

// finds runs the doctor and returns the finding of a check that is worst.
func (d *deployment) finds(check string) doctor.Finding {
	d.t.Helper()
	return worstOf(d.t, doctor.Run(d.t.Context(), d.Options), check)
}

func worstOf(t *testing.T, fs []doctor.Finding, check string) (found doctor.Finding) {
	t.Helper()
	for _, f := range fs {
		if f.Check == check && (found.Check == "" || f.Level == doctor.Wrong || found.Level == doctor.OK) {
			found = f
		}
	}
	require.NotEmpty(t, found.Check, "nothing is said of %q in %+v", check, fs)
	return found
}

// requireFound asserts what a check says.
func requireFound(t *testing.T, f doctor.Finding, level doctor.Level, says string) {
	t.Helper()
	require.Equal(t, level, f.Level, "%+v", f)
	require.Contains(t, f.Says+". "+f.Remedy, says)
}

// sound requires that nothing is said against a check.
func (d *deployment) sound(checks ...string) {
	d.t.Helper()
	fs := doctor.Run(d.t.Context(), d.Options)
	for _, check := range checks {
		requireFound(d.t, worstOf(d.t, fs, check), doctor.OK, "")
	}
}

// resolver asks a DNS server of the test: everything is at 127.0.0.1, but public.test at an address of the internet, and
// names below .invalid are nowhere.
func resolver(t *testing.T) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		for buf := make([]byte, 512); ; {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(answer(buf[:n]), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// answer is the packet (RFC 1035) for a packet with one question.
func answer(q []byte) []byte {
	end := 12
	var labels []string
	for q[end] != 0 {
		labels = append(labels, string(q[end+1:end+1+int(q[end])]))
		end += int(q[end]) + 1
	}
	name, kind := strings.Join(labels, "."), binary.BigEndian.Uint16(q[end+1:])
	flags, answers := byte(0x80), byte(0)
	var records []byte
	switch {
	case strings.HasSuffix(name, ".invalid"):
		flags = 0x83 // no such name
	case kind == 1:
		address := netip.MustParseAddr("127.0.0.1").As4()
		if name == "public.test" {
			address = netip.MustParseAddr("192.0.3.7").As4()
		}
		answers, records = 1, append([]byte{0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4}, address[:]...) // a pointer to the name, A, IN
	}
	a := append([]byte{q[0], q[1], 0x81, flags, 0, 1, 0, answers, 0, 0, 0, 0}, q[12:end+5]...)
	return append(a, records...)
}

func port(address string) string {
	u, _ := url.Parse(address)
	return u.Port()
}
