package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"html"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/fanout/fanouttest"
	"wabagate/models"
)

// client makes a client certificate and its key.
func client(t *testing.T, change func(*x509.Certificate)) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(0xbeef), Subject: pkix.Name{CommonName: "gateway", Organization: []string{"Ours"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour).Truncate(time.Second), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	coded, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: coded}))
}

// object writes pairs of names and texts as JSON.
func object(pairs ...string) string {
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	b, _ := json.Marshal(m)
	return string(b)
}

func TestReceiverAuth(t *testing.T) {
	b := setup(t)
	r := fanouttest.NewReceiver(t, nil)
	w := b.webhook(func(w *models.Webhook) { w.URL = r.URL })
	one := "/webhooks/" + decimal(w.ID)
	put := func(body string) {
		t.Helper()
		status, got := b.api("PUT", one, body)
		require.Equal(t, 200, status, got)
	}
	sent := func() string {
		t.Helper()
		status, got := b.api("POST", one+"/test", "")
		require.Equal(t, 200, status, got)
		all := r.Got()
		return all[len(all)-1].Header.Get("Authorization")
	}
	shows := func(text string) {
		t.Helper()
		_, got := b.api("GET", one, "")
		require.Contains(t, got, text)
		require.NotContains(t, got, "hush")
	}
	require.Empty(t, sent())
	put(`{"auth":{"type":"basic","username":"gateway","password":"hush hush"}}`)
	shows(`"auth":{"type":"basic","username":"gateway","password":"<secret>"},`)
	require.Equal(t, "Basic Z2F0ZXdheTpodXNoIGh1c2g=", sent())
	put(`{"auth":{"type":"basic","username":"portal","password":"<secret>"}}`)
	require.Equal(t, "Basic cG9ydGFsOmh1c2ggaHVzaA==", sent())
	put(`{"name":"renamed"}`)
	require.Equal(t, "Basic cG9ydGFsOmh1c2ggaHVzaA==", sent())
	put(`{"auth":{"type":"bearer","token":"hush.hush"}}`)
	shows(`"auth":{"type":"bearer","token":"<secret>"},`)
	require.Equal(t, "Bearer hush.hush", sent())
	put(`{"auth":{"type":"bearer","token":"<secret>"}}`)
	require.Equal(t, "Bearer hush.hush", sent())
	put(`{"auth":null,"headers":{"Authorization":"Custom hush"}}`)
	shows(`"auth":null`)
	require.Equal(t, "Custom hush", sent())
	put(`{"auth":{"type":"bearer","token":"other"},"headers":null}`)
	require.Equal(t, "Bearer other", sent())
	require.NotContains(t, b.log.String(), "hush")
}

func TestIdentityRefusals(t *testing.T) {
	b := setup(t)
	certificate, key := client(t, nil)
	_, otherKey := client(t, nil)
	ended, endedKey := client(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	server, serverKey := client(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	encrypted := "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
	older := "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n"
	long := strings.Repeat("x", 40<<10)
	for name, c := range map[string]struct{ member, field, says string }{
		"auth as text":         {`"auth":"Bearer x"`, "auth", `"type":"basic"`},
		"no type":              {`"auth":{"username":"a","password":"b"}`, "auth.type", `"basic" or "bearer"`},
		"unknown type":         {`"auth":{"type":"digest"}`, "auth.type", `"basic" or "bearer"`},
		"unknown member":       {`"auth":{"type":"basic","user":"a"}`, "auth.user", "known are"},
		"number for text":      {`"auth":{"type":"basic","username":1,"password":"b"}`, "auth.username", "text"},
		"no username":          {`"auth":{"type":"basic","password":"b"}`, "auth.username", "required"},
		"colon":                {`"auth":{"type":"basic","username":"a:b","password":"b"}`, "auth.username", "colon"},
		"no password":          {`"auth":{"type":"basic","username":"a"}`, "auth.password", "required"},
		"control in password":  {`"auth":{"type":"basic","username":"a","password":"a\nb"}`, "auth.password", "control"},
		"nothing to keep":      {`"auth":{"type":"basic","username":"a","password":"<secret>"}`, "auth.password", "there is none"},
		"basic with token":     {`"auth":{"type":"basic","username":"a","password":"b","token":"c"}`, "auth.token", "bearer"},
		"no token":             {`"auth":{"type":"bearer"}`, "auth.token", "required"},
		"token with its word":  {`"auth":{"type":"bearer","token":"Bearer x"}`, "auth.token", "Bearer"},
		"token with a header":  {`"auth":{"type":"bearer","token":"a\r\nX: y"}`, "auth.token", "visible"},
		"long token":           {`"auth":{"type":"bearer","token":"` + long + `"}`, "auth.token", "at most"},
		"bearer with username": {`"auth":{"type":"bearer","token":"a","username":"b"}`, "auth.username", "basic"},
		"auth and header":      {`"auth":{"type":"bearer","token":"a"},"headers":{"authorization":"b"}`, "auth", "Authorization"},
		"certificate as text":  {`"client_certificate":"x"`, "client_certificate", "BEGIN CERTIFICATE"},
		"no key":               {`"client_certificate":` + object("certificate", certificate), "client_certificate.key", "required"},
		"no certificate":       {`"client_certificate":` + object("key", key), "client_certificate.certificate", "required"},
		"key to keep":          {`"client_certificate":` + object("certificate", certificate, "key", "<secret>"), "client_certificate.key", "required"},
		"not PEM":              {`"client_certificate":` + object("certificate", "x", "key", key), "client_certificate.certificate", "BEGIN CERTIFICATE"},
		"exchanged":            {`"client_certificate":` + object("certificate", key, "key", certificate), "client_certificate.certificate", "BEGIN CERTIFICATE"},
		"key not PEM":          {`"client_certificate":` + object("certificate", certificate, "key", "PLAIN"), "client_certificate.key", "BEGIN PRIVATE KEY"},
		"encrypted key":        {`"client_certificate":` + object("certificate", certificate, "key", encrypted), "client_certificate.key", "openssl pkey"},
		"older encryption":     {`"client_certificate":` + object("certificate", certificate, "key", older), "client_certificate.key", "openssl pkey"},
		"another's key":        {`"client_certificate":` + object("certificate", certificate, "key", otherKey), "client_certificate.key", "not the key"},
		"broken certificate":   {`"client_certificate":` + object("certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "key", key), "client_certificate", "cannot be read"},
		"ended":                {`"client_certificate":` + object("certificate", ended, "key", endedKey), "client_certificate.certificate", "ended on"},
		"of a server":          {`"client_certificate":` + object("certificate", server, "key", serverKey), "client_certificate.certificate", "clientAuth"},
		"long certificate":     {`"client_certificate":` + object("certificate", long, "key", key), "client_certificate.certificate", "32 KiB"},
		"plain http":           {`"url":"http://127.0.0.1/","client_certificate":` + object("certificate", certificate, "key", key), "client_certificate", "https"},
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"name":"a","events":["*"],` + c.member + `}`
			if !strings.Contains(c.member, `"url"`) {
				body = `{"url":"https://203.0.113.7/h",` + body[1:]
			}
			status, got := b.api("POST", "/webhooks", body)
			require.Equal(t, 400, status, got)
			e := decode[struct {
				Error struct{ Message, Field string }
			}](t, got).Error
			require.Equal(t, c.field, e.Field, got)
			require.Contains(t, e.Message, c.says)
			require.NotContains(t, got, "PLAIN")
		})
	}
	_, got := b.api("GET", "/webhooks", "")
	require.Equal(t, `{"webhooks":[]}`, got)

	w := b.webhook(func(w *models.Webhook) { w.Auth = models.Auth{Kind: models.AuthBearer, Token: "t"} })
	status, got := b.api("PUT", "/webhooks/"+decimal(w.ID), `{"headers":{"Authorization":"x"}}`)
	require.Equal(t, 400, status)
	require.Contains(t, got, `"field":"headers"`)
}

func TestClientCertificate(t *testing.T) {
	b := setup(t)
	certificate, key := client(t, nil)
	pair := `"client_certificate":` + object("certificate", certificate, "key", key)
	status, got := b.api("POST", "/webhooks", `{"name":"a","url":"https://203.0.113.7/h","events":["*"],`+pair+`}`)
	require.Equal(t, 201, status, got)
	kept := func() models.Auth {
		t.Helper()
		w, err := b.store.Webhook(t.Context(), b.ours.ID, 1)
		require.NoError(t, err)
		return w.Auth
	}
	_, got = b.api("GET", "/webhooks/1", "")
	require.Contains(t, got, `"client_certificate":{"subject":"CN=gateway,O=Ours","issuer":"CN=gateway,O=Ours","serial":"beef","not_after":"`)
	require.NotContains(t, got, "PRIVATE KEY")
	require.Equal(t, strings.TrimSpace(key), kept().Key.Text())

	// The key may stay when the certificate is sent again; auth is another thing; null takes both.
	status, got = b.api("PUT", "/webhooks/1", `{"auth":{"type":"bearer","token":"t"},"client_certificate":`+object("certificate", strings.ReplaceAll(certificate, "\n", "\r\n"), "key", "<secret>")+`}`)
	require.Equal(t, 200, status, got)
	require.Equal(t, strings.TrimSpace(certificate), kept().Certificate)
	require.Equal(t, strings.TrimSpace(key), kept().Key.Text())
	status, _ = b.api("PUT", "/webhooks/1", `{"url":"http://127.0.0.1/"}`)
	require.Equal(t, 400, status, "the certificate could never be shown")

	// One that ends while it is in use does not stand in the way of other changes.
	b.clock.advance(48 * time.Hour)
	_, got = b.page("/webhooks/1/edit")
	require.Contains(t, html.UnescapeString(got), strings.TrimSpace(certificate))
	require.NotContains(t, got, "PRIVATE KEY-----\n")
	form := url.Values{"name": {"b"}, "url": {"https://203.0.113.7/h"}, "events": {"*"}, "auth_type": {"bearer"}, "auth_token": {"<secret>"},
		"certificate": {certificate}, "certificate_key": {"<secret>"}}
	status, got, _ = b.form("/webhooks/1/edit", form.Encode())
	require.Equal(t, 303, status, got)
	require.Equal(t, models.Secret("t"), kept().Token)
	require.Equal(t, strings.TrimSpace(key), kept().Key.Text())
	status, got = b.api("PUT", "/webhooks/1", `{"client_certificate":null}`)
	require.Equal(t, 200, status, got)
	require.Equal(t, models.Auth{Kind: models.AuthBearer, Token: "t"}, kept())
	status, got = b.api("PUT", "/webhooks/1", `{`+pair+`}`)
	require.Equal(t, 400, status)
	require.Contains(t, got, "ended on")
}

func TestIdentityForm(t *testing.T) {
	b := setup(t)
	form := url.Values{"name": {"a"}, "url": {"https://203.0.113.7/h"}, "events": {"*"}, "secret_mode": {"none"}, "ordering": {"conversation"},
		"auth_type": {"basic"}, "auth_username": {"us:er"}, "auth_password": {"typed"}, "auth_token": {"left over"}}
	status, got, _ := b.form("/webhooks/new", form.Encode())
	require.Equal(t, 400, status)
	require.Regexp(t, `class="wrong" id="[a-z_.-]+" role="alert">Must not hold a colon or a control character\.<`, got)
	require.NotContains(t, got, "typed")
	require.Contains(t, got, `value="conversation" selected`)
	form.Set("auth_username", "user")
	status, got, _ = b.form("/webhooks/new", form.Encode())
	require.Equal(t, 303, status, got)
	_, got = b.page("/webhooks/1")
	require.Contains(t, got, "password of user")
	_, got = b.page("/webhooks/1/edit")
	require.Contains(t, got, `value="&lt;secret&gt;" id="field-auth_password" name="auth_password"`)
	require.NotContains(t, got, "typed")
	form.Set("auth_type", "")
	status, got, _ = b.form("/webhooks/1/edit", form.Encode())
	require.Equal(t, 303, status, got)
	w, err := b.store.Webhook(t.Context(), b.ours.ID, 1)
	require.NoError(t, err)
	require.Equal(t, models.Auth{}, w.Auth)
}

func TestOrdering(t *testing.T) {
	for body, want := range map[string]string{`{}`: "none", `{"ordering":null}`: "none", `{"ordering":"none"}`: "none", `{"ordering":"conversation"}`: "conversation"} {
		got, err := api.ApplyWebhook(models.Webhook{Dialect: "wabagate"}, body)
		require.NoError(t, err)
		require.Contains(t, got, `"ordering":"`+want+`"`, body)
	}
	got, err := api.ApplyWebhook(models.Webhook{Dialect: "wabagate", Ordering: models.OrderConversation}, `{"name":"other"}`)
	require.NoError(t, err)
	require.Contains(t, got, `"ordering":"conversation"`, "an update that says nothing of it leaves it")
}
