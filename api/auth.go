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

	"wabagate/api/dashboard"
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
	// Key is the program's key; nil for a person.
	Key *models.APIKey
	// shell is what the pages of the person have around them; empty outside of pages.
	shell dashboard.Shell
}

// handler is a handler that knows who is calling.
type handler func(c *fiber.Ctx, who caller) error

// requestTimeout bounds what one request may take of the database.
const requestTimeout = 15 * time.Second

// client lets a logged-in person or a business's key through to h, if they may (see rightsAt), and has the audit log know what
// became of it. Every route of /api/client and every page but the login goes through here.
func (s *Server) client(h handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		ctx, cancel := context.WithTimeout(c.UserContext(), requestTimeout)
		defer cancel()
		c.SetUserContext(ctx)
		who, err := s.identify(c)
		if err != nil {
			return err
		}
		if err := who.refused(needed(c.Method(), placeOf(c.Route().Path))); err != nil {
			return err
		}
		told := &note{}
		c.SetUserContext(context.WithValue(ctx, noteKey{}, told))
		if err := h(c, who); err != nil {
			return err
		}
		s.audit(c, who, told)
		return nil
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
		return caller{Business: key.BusinessID, Key: &key}, nil
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

// keyUseEvery is how far apart the moments are at which this process notes that a key is used.
const keyUseEvery = time.Minute

// keyCache remembers keys for a moment. Only keys that exist are kept: guesses do not fill it.
type keyCache struct {
	store *models.Store
	now   func() time.Time
	// used is told of a key's use now and then, and must not take long.
	used func(id int64, at time.Time)

	mu    sync.Mutex
	known map[[sha256.Size]byte]knownKey
	noted map[int64]time.Time // when used was told of a key by its id
}

type knownKey struct {
	key   models.APIKey
	until time.Time
}

func (k *keyCache) find(ctx context.Context, token models.Secret) (models.APIKey, error) {
	sum, now := sha256.Sum256([]byte(token.Text())), k.now()
	k.mu.Lock()
	found, ok := k.known[sum]
	k.mu.Unlock()
	if !ok || !now.Before(found.until) {
		key, err := k.store.KeyByToken(ctx, token)
		if err != nil {
			return key, err
		}
		found = knownKey{key, now.Add(keyFresh)}
		k.keep(sum, found)
	}
	if k.due(found.key.ID, now) {
		k.used(found.key.ID, now)
	}
	return found.key, nil
}

func (k *keyCache) keep(sum [sha256.Size]byte, found knownKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= keysKept {
		k.known = map[[sha256.Size]byte]knownKey{}
	}
	k.known[sum] = found
}

// due says whether a key's use is to be noted now, and takes it that it is.
func (k *keyCache) due(id int64, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if last, noted := k.noted[id]; noted && now.Sub(last) < keyUseEvery {
		return false
	}
	if k.noted == nil || len(k.noted) >= keysKept {
		k.noted = map[int64]time.Time{}
	}
	k.noted[id] = now
	return true
}

// forget empties the cache, so that a deleted key ends at once in this process.
func (k *keyCache) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known = nil
}
