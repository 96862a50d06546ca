package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/models"
)

// sessionCookie is the name that moved customers' scripts already send.
const sessionCookie = "token"

// sessionLength is how long a login lasts.
const sessionLength = 7 * 24 * time.Hour

// caller is who makes a request.
type caller struct {
	// Business is whose things the caller may see and change.
	Business int64
	// User is the person; nil for a program with a key.
	User *models.User
}

// handler is a handler that knows who is calling.
type handler func(c *fiber.Ctx, who caller) error

// requestTimeout bounds what one request may take of the database.
const requestTimeout = 15 * time.Second

// client lets a logged-in person or a business's key through to h.
func (s *Server) client(h handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		ctx, cancel := context.WithTimeout(c.UserContext(), requestTimeout)
		defer cancel()
		c.SetUserContext(ctx)
		who, err := s.identify(c)
		if err != nil {
			return err
		}
		return h(c, who)
	}
}

// identify finds out who is calling: by key when there is an Authorization header, else by session.
func (s *Server) identify(c *fiber.Ctx) (caller, error) {
	if header := c.Get(fiber.HeaderAuthorization); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return caller{}, errUnauthenticated
		}
		key, err := s.keys.find(c.UserContext(), models.Secret(strings.TrimSpace(token)))
		if errors.Is(err, models.ErrNotFound) {
			return caller{}, errUnauthenticated
		}
		if err != nil {
			return caller{}, err
		}
		if key.NumberID != nil {
			return caller{}, &Error{Status: http.StatusForbidden, Code: "number_key", Message: "this key opens one number only; use a key of the business (wbk_…) here"}
		}
		return caller{Business: key.BusinessID}, nil
	}
	user, err := s.sessionUser(c)
	if err != nil {
		return caller{}, err
	}
	return caller{Business: user.BusinessID, User: &user}, nil
}

// sessionUser is the person behind the session cookie.
func (s *Server) sessionUser(c *fiber.Ctx) (models.User, error) {
	token := c.Cookies(sessionCookie)
	if token == "" {
		return models.User{}, errUnauthenticated
	}
	user, err := s.store.SessionUser(c.UserContext(), models.Secret(token))
	if errors.Is(err, models.ErrNotFound) {
		return models.User{}, errUnauthenticated
	}
	return user, err
}

const (
	// keyFresh is how long a key that was found stays good without asking again, and so how long a key that another
	// process deleted may still work.
	keyFresh = 3 * time.Second
	// keysKept bounds the memory of the cache.
	keysKept = 4096
)

// keyCache remembers keys for a moment. Only keys that exist are kept: guesses do not fill it.
type keyCache struct {
	store *models.Store
	now   func() time.Time

	mu    sync.Mutex
	known map[[sha256.Size]byte]knownKey
}

type knownKey struct {
	key   models.APIKey
	until time.Time
}

func (k *keyCache) find(ctx context.Context, token models.Secret) (models.APIKey, error) {
	sum := sha256.Sum256([]byte(token.Text()))
	k.mu.Lock()
	found, ok := k.known[sum]
	k.mu.Unlock()
	if ok && k.now().Before(found.until) {
		return found.key, nil
	}
	key, err := k.store.KeyByToken(ctx, token)
	if err != nil {
		return key, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= keysKept {
		k.known = map[[sha256.Size]byte]knownKey{}
	}
	k.known[sum] = knownKey{key, k.now().Add(keyFresh)}
	return key, nil
}

// forget empties the cache, so that a deleted key ends at once in this process.
func (k *keyCache) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known = nil
}
