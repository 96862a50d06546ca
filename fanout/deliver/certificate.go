package deliver

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ParseCertificate reads a client certificate, with its chain if it has one, and its key, both as PEM. The errors can be
// shown to a person and repeat nothing of the key. A certificate that has expired is read all the same: see
// CertificateWarning.
func ParseCertificate(certificate, key string) (*tls.Certificate, error) {
	switch kinds := blocks(certificate); {
	case len(kinds) == 0:
		return nil, errors.New("the certificate is not PEM: it begins with -----BEGIN CERTIFICATE-----")
	case !slices.Contains(kinds, "CERTIFICATE"):
		return nil, fmt.Errorf("the certificate holds a %s instead of a CERTIFICATE", kinds[0])
	case slices.ContainsFunc(kinds, isKey):
		return nil, errors.New("the certificate holds the key too; give the two apart")
	}
	switch kinds := blocks(key); {
	case len(kinds) == 0:
		return nil, errors.New("the key is not PEM: it begins with -----BEGIN PRIVATE KEY-----")
	case slices.ContainsFunc(kinds, func(k string) bool { return strings.Contains(k, "ENCRYPTED") }):
		return nil, errors.New("the key is encrypted; give it without a passphrase, such as the output of: openssl pkey -in key.pem")
	case !slices.ContainsFunc(kinds, isKey):
		return nil, fmt.Errorf("the key holds a %s instead of a PRIVATE KEY", kinds[0])
	}
	c, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	switch {
	case err == nil:
		return &c, nil
	case strings.Contains(err.Error(), "does not match"):
		return nil, errors.New("the key does not belong to the certificate")
	}
	return nil, fmt.Errorf("the certificate or its key cannot be read: %s", strings.TrimPrefix(err.Error(), "tls: "))
}

// blocks are the types of the PEM blocks in s; one that is encrypted in the old way says so.
func blocks(s string) []string {
	var kinds []string
	for b, rest := pem.Decode([]byte(s)); b != nil; b, rest = pem.Decode(rest) {
		kind := b.Type
		if strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED") {
			kind = "ENCRYPTED " + kind
		}
		kinds = append(kinds, kind)
	}
	return kinds
}

func isKey(kind string) bool { return strings.HasSuffix(kind, "PRIVATE KEY") }

// CertificateWarning says why receivers may refuse a client certificate; "" when nothing speaks against it.
func CertificateWarning(c *tls.Certificate, now time.Time) string {
	switch leaf := c.Leaf; {
	case now.After(leaf.NotAfter):
		return "the certificate expired on " + leaf.NotAfter.UTC().Format(time.DateOnly)
	case now.Before(leaf.NotBefore):
		return "the certificate is not valid before " + leaf.NotBefore.UTC().Format(time.DateOnly)
	case len(leaf.ExtKeyUsage) > 0 && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny):
		return "the certificate is not made for clients: its extended key usage lacks clientAuth"
	}
	return ""
}
