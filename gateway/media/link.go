package media

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"strings"

	"wabagate/models"
)

// Path begins the addresses of links.
const Path = "/media/"

// Links make addresses that open one file each without a key. An address works for as long as the file is kept; nobody can
// make one for another file. Safe for concurrent use.
type Links struct {
	base string
	key  []byte
}

// NewLinks makes links below the public address of the gateway, such as https://wabagate.example.com, with the key of
// [models.Store.LinkKey].
func NewLinks(publicURL string, key models.Secret) *Links {
	return &Links{strings.TrimSuffix(publicURL, "/"), []byte(key.Text())}
}

const (
	numberLength = 8
	// proofLength is how much of the code is in a link, in bytes: guesses have to go over the network.
	proofLength = 16
)

// Link is the address of a number's file.
func (l *Links) Link(numberID int64, mediaID string) string {
	return l.base + Path + url.PathEscape(mediaID) + "?token=" + base64.RawURLEncoding.EncodeToString(l.token(numberID, mediaID))
}

func (l *Links) token(numberID int64, mediaID string) []byte {
	number := binary.BigEndian.AppendUint64(nil, uint64(numberID))
	h := hmac.New(sha256.New, l.key)
	h.Write([]byte("wabagate media link\x00"))
	h.Write(number)
	h.Write([]byte(mediaID))
	return append(number, h.Sum(nil)[:proofLength]...)
}

// number is the number whose file a token opens; false for a token that is not of this file.
func (l *Links) number(mediaID, token string) (int64, bool) {
	given, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(given) != numberLength+proofLength {
		return 0, false
	}
	id := int64(binary.BigEndian.Uint64(given))
	return id, hmac.Equal(given, l.token(id, mediaID))
}
