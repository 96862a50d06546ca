package sending

import (
	"context"
	"errors"
	"slices"
	"time"

	"wabagate/models"
	"wabagate/waba/graph"
)

// account is how a number is reached.
type account struct {
	graph.Account
	rate   int
	token  string // its fingerprint
	cannot string // why nothing can be sent, and what to do; empty: it can
	readAt time.Time
}

// accountFor is how long an account is used before it is read again: a token that was replaced is used from then on.
const accountFor = time.Second

// accountOf makes the account of a number from what is kept of it.
func accountOf(n models.Number, u models.Upstream) account {
	a := graph.Account{Style: graph.Style(u.Style), Base: u.Base, Version: u.Version, Token: u.Token.Text(), PhoneNumberID: n.PhoneNumberID, WABAID: n.WABAID, AppID: u.AppID}
	if u.Style == "onprem" {
		a.Style = graph.OnPremises
	}
	return account{Account: a, rate: RateOf(u), token: fingerprint(a.Token)}
}

// readAccount looks up how a business's number is reached.
func readAccount(ctx context.Context, store *models.Store, businessID, numberID int64) (account, error) {
	numbers, err := store.Numbers(ctx, businessID)
	if err != nil {
		return account{}, err
	}
	i := slices.IndexFunc(numbers, func(n models.Number) bool { return n.ID == numberID })
	if i < 0 {
		return account{cannot: "this number is no longer connected: connect it again", rate: standardRate}, nil
	}
	u, err := store.UpstreamOf(ctx, numberID)
	if errors.Is(err, models.ErrNotFound) {
		return account{cannot: "this number has no token yet: connect it first", rate: standardRate}, nil
	}
	if err != nil {
		return account{}, err
	}
	return accountOf(numbers[i], u), nil
}
