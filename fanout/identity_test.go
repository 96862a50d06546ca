package fanout

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

// A subscription that was made during an overlap, or before it, signs at every moment with what is right then.
func TestSubscriptionSigning(t *testing.T) {
	until := time.Date(2026, 11, 21, 13, 0, 0, 0, time.UTC)
	texts := func(w models.Webhook, at time.Time) (texts []string) {
		w.Dialect = "wabagate"
		sub, err := newSubscription(w)
		require.NoError(t, err)
		for _, s := range sub.signing(at) {
			texts = append(texts, s.Text())
		}
		return texts
	}
	open := models.Webhook{Secret: "new", PreviousSecret: "old", PreviousUntil: until}
	for name, c := range map[string]struct {
		webhook models.Webhook
		at      time.Time
		want    []string
	}{
		"unsigned":           {models.Webhook{}, until, nil},
		"one secret":         {models.Webhook{Secret: "only"}, until, []string{"only"}},
		"during the overlap": {open, until.Add(-time.Hour), []string{"new", "old"}},
		"just before it end": {open, until.Add(-1), []string{"new", "old"}},
		"when it ends":       {open, until, []string{"new"}},
		"after it":           {open, until.Add(time.Hour), []string{"new"}},
	} {
		require.Equal(t, c.want, texts(c.webhook, c.at), name)
	}
}

func TestSubscriptionAuth(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "gateway"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	coded, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	private := models.Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: coded}))

	for name, c := range map[string]struct {
		auth        models.Auth
		want        string
		certificate bool
	}{
		"none":            {models.Auth{}, "", false},
		"basic":           {models.Auth{Kind: models.AuthBasic, User: "Aladdin", Password: "open sesame"}, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", false}, // RFC 7617
		"bearer":          {models.Auth{Kind: models.AuthBearer, Token: "mF_9.B5f-4.1JqM"}, "Bearer mF_9.B5f-4.1JqM", false},                            // RFC 6750
		"certificate":     {models.Auth{Certificate: certificate, Key: private}, "", true},
		"certificate too": {models.Auth{Kind: models.AuthBearer, Token: "t", Certificate: certificate, Key: private}, "Bearer t", true},
	} {
		sub, err := newSubscription(models.Webhook{Dialect: "wabagate", Auth: c.auth})
		require.NoError(t, err, name)
		require.Equal(t, c.want, sub.header.Get("Authorization"), name)
		require.Equal(t, c.certificate, sub.certificate != nil, name)
	}
	_, err = newSubscription(models.Webhook{Dialect: "wabagate", Auth: models.Auth{Certificate: certificate, Key: "PLAIN"}})
	require.ErrorContains(t, err, "client certificate")
	require.NotContains(t, err.Error(), "PLAIN")
}
