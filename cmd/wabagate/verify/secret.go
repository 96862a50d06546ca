package verify

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

const prefix = "whsec_"

// key is a key that a signature may have been made with. flaws say what is wrong where it is not the one that should be used.
type key struct {
	bytes []byte
	flaws []Finding
}

// keys are those that the secrets may stand for, the right one of the first secret first.
func (s scheme) keys(secrets []string) (all []key) {
	for i, secret := range secrets {
		for _, k := range s.keysOf(secret) {
			if i > 0 {
				k.flaws = append(k.flaws, Finding{Mistake: OldSecret,
					What: fmt.Sprintf("It is signed with secret %d of those given, and not with the first.", i+1),
					Do: "Let the receiver take both secrets while a rotation lasts, or give it the one that signs. Webhooks with a header of their dialect's own are " +
						"signed with the older secret until the rotation ends or is finished."})
			}
			all = append(all, k)
		}
	}
	return all
}

func (s scheme) keysOf(secret string) (all []key) {
	bare := strings.Trim(secret, " \t\r\n\"'")
	if bare == secret || bare == "" {
		return s.codings(secret)
	}
	all = append(all, key{bytes: []byte(secret)}) // it may be meant
	for _, k := range s.codings(bare) {
		k.flaws = append(k.flaws, Finding{Mistake: SecretCoding, What: "The secret has white space, a line break or quotes around it that do not belong to it.",
			Do: "Trim it: a file or a variable often ends with a line break."})
		all = append(all, k)
	}
	return all
}

// codings are the ways in which people turn a secret into bytes, the right one for the scheme first.
func (s scheme) codings(secret string) []key {
	text, rest := key{bytes: []byte(secret)}, strings.TrimPrefix(secret, prefix)
	prefixed := rest != secret
	var decoded []byte
	for _, c := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if b, err := c.DecodeString(rest); err == nil && len(b) > 0 && decoded == nil {
			decoded = b
		}
	}
	flawed := func(b []byte, what, do string) key {
		return key{bytes: b, flaws: []Finding{{Mistake: SecretCoding, What: what, Do: do}}}
	}
	var all []key
	const library = "Give the whole secret, whsec_ included, to a Standard Webhooks library; by hand, decode the base64 behind whsec_."
	const asText = "Use the whole secret as text, whsec_ included, as it is shown: " + "in this scheme it is not decoded."
	if s.coded {
		if prefixed && decoded != nil {
			all = append(all, key{bytes: decoded},
				flawed([]byte(secret), "The signature is made with the secret as text; it should be made with the bytes that the base64 behind whsec_ stands for.", library),
				flawed([]byte(rest), "The signature is made with what stands behind whsec_ as text; it should be made with the bytes that this base64 stands for.", library))
		} else {
			all = append(all, text)
			if decoded != nil {
				all = append(all, flawed(decoded, "The secret is given without its whsec_ and so taken for text; the signature is made with the bytes that its base64 stands for.", library))
			}
		}
	} else {
		all = append(all, text)
		if prefixed {
			all = append(all, flawed([]byte(rest), "The signature is made without the whsec_ of the secret, which belongs to it in this scheme.", asText))
		} else {
			all = append(all, flawed([]byte(prefix+secret), "The secret is given without its whsec_, which belongs to it in this scheme.", asText))
		}
		if decoded != nil {
			all = append(all, flawed(decoded, "The signature is made with the bytes that the secret's base64 stands for; this scheme takes the secret as text.", asText))
		}
	}
	if b, err := hex.DecodeString(rest); err == nil && len(b) > 0 {
		all = append(all, flawed(b, "The signature is made with the bytes that the secret stands for when it is read as hex.", "Use the secret as it is shown; it is not hex."))
	}
	return all
}
