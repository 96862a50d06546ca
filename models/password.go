package models

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// argon2id with the second recommended parameter set of RFC 9106, section 4, at a quarter of its memory: logins are
// limited, and a gateway that should stay small cannot lend 64 MiB to each.
const (
	argonTime    = 4
	argonMemory  = 16 * 1024
	argonThreads = 1
)

// decoyHash is compared against when an address is unknown.
var decoyHash = fmt.Sprintf("argon2id$%d$%d$%d$%s$%s", argonTime, argonMemory, argonThreads, strings.Repeat("00", 16), strings.Repeat("00", 32))

func hashPassword(p string) (string, error) {
	if len(p) < 8 {
		return "", errors.New("a password has at least 8 characters")
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	sum := argon2.IDKey([]byte(p), salt, argonTime, argonMemory, argonThreads, 32)
	return fmt.Sprintf("argon2id$%d$%d$%d$%s$%s", argonTime, argonMemory, argonThreads, hex.EncodeToString(salt), hex.EncodeToString(sum)), nil
}

func checkPassword(hash, p string) bool {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "argon2id" {
		return false
	}
	var t, m uint32
	var threads uint8
	if _, err := fmt.Sscan(parts[1], &t); err != nil {
		return false
	}
	if _, err := fmt.Sscan(parts[2], &m); err != nil {
		return false
	}
	if _, err := fmt.Sscan(parts[3], &threads); err != nil {
		return false
	}
	salt, err1 := hex.DecodeString(parts[4])
	want, err2 := hex.DecodeString(parts[5])
	if err1 != nil || err2 != nil {
		return false
	}
	return subtle.ConstantTimeCompare(argon2.IDKey([]byte(p), salt, t, m, threads, uint32(len(want))), want) == 1
}
