package gateway

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"wabagate/models"
	"wabagate/waba"
)

type apps map[string]models.App

func (a apps) App(name string) (models.App, bool) { app, ok := a[name]; return app, ok }

func (a apps) NumberByToken(token string) (models.Number, bool) {
	return models.Number{ID: 7, PhoneNumberID: "600"}, token == "unguessable"
}

func newTestGateway(t *testing.T) (*fiber.App, *journal) {
	j := newJournal()
	acceptor := newTestAcceptor(t, j, nil, &queue{got: map[int64]bool{}})
	app := fiber.New(fiber.Config{BodyLimit: MaxBody, DisablePreParseMultipartForm: true})
	Register(app, apps{
		"acme":    {ID: 1, Name: "acme", VerifyToken: "token", Secrets: []models.Secret{"new secret", "old secret"}},
		"keyless": {ID: 2, Name: "keyless", VerifyToken: "token"},
		"blank":   {ID: 3, Name: "blank", Secrets: []models.Secret{""}},
	}, acceptor, slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry()))
	return app, j
}

func TestHandshake(t *testing.T) {
	app, _ := newTestGateway(t)
	for query, want := range map[string]struct {
		status int
		body   string
	}{
		"/acme?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=token":   {200, "1158201444"},
		"/acme?hub.mode=subscribe&hub.challenge=%3Cb%3Ex&hub.verify_token=token":     {200, "<b>x"},
		"/acme?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=wrong":   {403, ""},
		"/acme?hub.mode=unsubscribe&hub.challenge=1158201444&hub.verify_token=token": {403, ""},
		"/acme?hub.mode=subscribe&hub.challenge=1158201444":                          {403, ""},
		"/acme": {403, ""},
		"/nobody?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=token":  {403, ""},
		"/nobody?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=":       {403, ""},
		"/blank?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=":        {403, ""},
		"/keyless?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=token": {200, "1158201444"},
	} {
		res, err := app.Test(httptest.NewRequest(http.MethodGet, "/webhooks/cloud"+query, nil))
		require.NoError(t, err)
		require.Equal(t, want.status, res.StatusCode, query)
		if want.status == 200 {
			body, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			require.Equal(t, want.body, string(body))
			require.True(t, strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain"))
		}
	}
}

// What arrives, tried and answered: only the signature decides, and what is signed is kept as it came.
func TestCallback(t *testing.T) {
	app, j := newTestGateway(t)
	ok := []byte(`{"object":"whatsapp_business_account","entry":[]}`)
	signed := func(secret string, body []byte) string { return waba.Sign([]byte(secret), body) }
	deep := []byte(strings.Repeat(`{"a":`, 200_000) + "1" + strings.Repeat("}", 200_000))
	for name, tc := range map[string]struct {
		app, signature, contentType string
		body                        []byte
		status                      int
	}{
		"signed with the new secret":     {"acme", signed("new secret", ok), "application/json", ok, 200},
		"signed with the old secret":     {"acme", signed("old secret", ok), "application/json", ok, 200},
		"signed with another secret":     {"acme", signed("nobody's", ok), "application/json", ok, 401},
		"no signature":                   {"acme", "", "application/json", ok, 401},
		"signature without its prefix":   {"acme", strings.TrimPrefix(signed("new secret", ok), "sha256="), "application/json", ok, 401},
		"signature of another body":      {"acme", signed("new secret", append([]byte(" "), ok...)), "application/json", ok, 401},
		"signature that is no hex":       {"acme", "sha256=" + strings.Repeat("z", 64), "application/json", ok, 401},
		"unknown app":                    {"nobody", signed("new secret", ok), "application/json", ok, 401},
		"app without a secret":           {"keyless", signed("", ok), "application/json", ok, 401},
		"app with a blank secret":        {"blank", signed("", ok), "application/json", ok, 401},
		"truncated JSON":                 {"acme", signed("new secret", ok[:20]), "application/json", ok[:20], 200},
		"not JSON at all":                {"acme", signed("new secret", []byte("hello")), "text/plain", []byte("hello"), 200},
		"empty body":                     {"acme", signed("new secret", nil), "application/json", nil, 200},
		"wrong content type":             {"acme", signed("new secret", ok), "multipart/form-data; boundary=x", ok, 200},
		"invalid UTF-8":                  {"acme", signed("new secret", []byte("{\"a\":\"\xff\xfe\"}")), "application/json", []byte("{\"a\":\"\xff\xfe\"}"), 200},
		"huge numbers":                   {"acme", signed("new secret", []byte(`{"a":1e999999,"b":-123456789012345678901234567890}`)), "application/json", []byte(`{"a":1e999999,"b":-123456789012345678901234567890}`), 200},
		"two hundred thousand deep":      {"acme", signed("new secret", deep), "application/json", deep, 200},
		"three megabytes":                {"acme", signed("new secret", bytes.Repeat([]byte("x"), 3<<20)), "application/json", bytes.Repeat([]byte("x"), 3<<20), 200},
		"five mebibytes":                 {"acme", signed("new secret", bytes.Repeat([]byte("x"), 5<<20)), "application/json", bytes.Repeat([]byte("x"), 5<<20), 413},
		"five mebibytes without a claim": {"acme", "", "application/json", bytes.Repeat([]byte("x"), 5<<20), 413},
	} {
		t.Run(name, func(t *testing.T) {
			before := j.count()
			req := httptest.NewRequest(http.MethodPost, "/webhooks/cloud/"+tc.app, bytes.NewReader(tc.body))
			req.Header.Set("Content-Type", tc.contentType)
			if tc.signature != "" {
				req.Header.Set(waba.SignatureHeader, tc.signature)
			}
			res, err := app.Test(req, 10_000)
			if tc.status == 413 && err != nil {
				// The server answers 413 and closes while the body is still being sent; the test transport calls that an error.
				require.ErrorContains(t, err, "body size exceeds")
				require.Equal(t, before, j.count())
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.status, res.StatusCode)
			if tc.status != 200 {
				require.Equal(t, before, j.count(), "refused and yet kept")
				return
			}
			require.Equal(t, before+1, j.count())
			found := false
			for _, cb := range j.kept {
				found = found || bytes.Equal(cb.Body, tc.body)
			}
			require.True(t, found, "not kept as it came")
		})
	}
}

func TestNothingDurableIs503(t *testing.T) {
	app, j := newTestGateway(t)
	j.set(true)
	body := []byte("{}")
	req := httptest.NewRequest(http.MethodPost, "/webhooks/cloud/acme", bytes.NewReader(body))
	req.Header.Set(waba.SignatureHeader, waba.Sign([]byte("new secret"), body))
	res, err := app.Test(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
}

func TestOnPremises(t *testing.T) {
	app, j := newTestGateway(t)
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"/webhooks/onprem/unguessable", `{"messages":[]}`, 200},
		{"/webhooks/onprem/unguessable", `not json`, 200}, // kept as it came: a retry would not change it
		{"/webhooks/onprem/guessed", `{"messages":[]}`, 401},
		{"/webhooks/onprem/", `{"messages":[]}`, 404},
	} {
		res, err := app.Test(httptest.NewRequest(http.MethodPost, c.path, strings.NewReader(c.body)))
		require.NoError(t, err)
		require.Equal(t, c.status, res.StatusCode, c.path)
	}
	require.Equal(t, 2, j.count())
	for _, cb := range j.kept {
		require.Equal(t, int64(7), cb.NumberID)
		require.Zero(t, cb.AppID)
	}
}
