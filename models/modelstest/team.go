package modelstest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"wabagate/models"
)

// user makes a user of the business.
func (w *world) user(email string, role models.Role) models.User {
	w.t.Helper()
	u, err := w.AddUser(w.ctx, models.User{BusinessID: w.business, Email: email, Name: "N of " + email, Role: role}, "correct horse")
	w.ok(err)
	return u
}

func testTeam(t *testing.T, w *world) {
	ann, bob := w.user("ann@example.com", models.RoleOwner), w.user("bob@example.com", models.RoleMember)
	w.equal("an operator, and nobody else", []bool{ann.IsOperator, bob.IsOperator}, []bool{true, false})
	if _, err := w.AddUser(w.ctx, models.User{BusinessID: w.business, Email: "x@example.com", Role: "king"}, "correct horse"); err == nil {
		t.Fatal("an unknown role was taken")
	}
	us, err := w.Users(w.ctx, w.business)
	w.ok(err)
	w.equal("users", []any{len(us), us[0].Name, us[0].Role, us[1].Role, us[1].LastLoginAt == nil}, []any{2, "N of ann@example.com", models.RoleOwner, models.RoleMember, true})
	old, err := w.CreateUser(w.ctx, w.otherBusiness(), "other@example.com", "correct horse", false)
	w.ok(err)
	w.equal("who is made as before", []any{old.Role, old.Called()}, []any{models.RoleOwner, "other@example.com"})

	_, err = w.SetRole(w.ctx, w.business, ann.ID, models.RoleMember)
	w.is(err, models.ErrLastOwner)
	_, err = w.RemoveUser(w.ctx, w.business, ann.ID)
	w.is(err, models.ErrLastOwner)
	_, err = w.SetRole(w.ctx, w.business, old.ID, models.RoleMember)
	w.is(err, models.ErrNotFound)
	_, err = w.RemoveUser(w.ctx, old.BusinessID, bob.ID)
	w.is(err, models.ErrNotFound)
	before, err := w.SetRole(w.ctx, w.business, bob.ID, models.RoleOwner)
	w.ok(err)
	w.equal("the role before", before.Role, models.RoleMember)
	_, err = w.RemoveUser(w.ctx, w.business, ann.ID)
	w.is(err, models.ErrLastOperator)
	_, err = w.SetRole(w.ctx, w.business, ann.ID, models.RoleReader)
	w.ok(err)
	token, err := w.StartSession(w.ctx, ann.ID, time.Hour)
	w.ok(err)
	got, err := w.SessionUser(w.ctx, token)
	w.ok(err)
	w.equal("who is logged in", []any{got.Role, got.LastLoginAt != nil}, []any{models.RoleReader, true})

	cat := w.user("cat@example.com", models.RoleMember)
	token, err = w.StartSession(w.ctx, cat.ID, time.Hour)
	w.ok(err)
	gone, err := w.RemoveUser(w.ctx, w.business, cat.ID)
	w.ok(err)
	w.equal("who is gone", gone.Email, "cat@example.com")
	_, err = w.SessionUser(w.ctx, token)
	w.is(err, models.ErrNotFound)
	_, err = w.Authenticate(w.ctx, "cat@example.com", "correct horse")
	w.is(err, models.ErrNotFound)
	w.user("cat@example.com", models.RoleMember) // the address is free again
}

// testOwnersLeave: however many owners leave at once, one stays.
func testOwnersLeave(_ *testing.T, w *world) {
	other, err := w.CreateUser(w.ctx, w.otherBusiness(), "operator@example.com", "correct horse", true)
	w.ok(err)
	var owners []models.User
	for _, email := range []string{"a@example.com", "b@example.com", "c@example.com", "d@example.com"} {
		owners = append(owners, w.user(email, models.RoleOwner))
	}
	w.equal("operator", other.IsOperator, true)
	errs := make([]error, len(owners))
	var wg sync.WaitGroup
	for i, u := range owners {
		wg.Go(func() {
			if i%2 == 0 {
				_, errs[i] = w.RemoveUser(w.ctx, w.business, u.ID)
			} else {
				_, errs[i] = w.SetRole(w.ctx, w.business, u.ID, models.RoleReader)
			}
		})
	}
	wg.Wait()
	refused := 0
	for _, err := range errs {
		if err != nil {
			w.is(err, models.ErrLastOwner)
			refused++
		}
	}
	us, err := w.Users(w.ctx, w.business)
	w.ok(err)
	left := slices.DeleteFunc(us, func(u models.User) bool { return u.Role != models.RoleOwner })
	w.equal("refused, and left", []int{refused, len(left)}, []int{1, 1})
}

func testOwnAccount(_ *testing.T, w *world) {
	ann := w.user("ann@example.com", models.RoleOwner)
	begin := func(ip, agent string) models.Secret {
		token, err := w.BeginSession(w.ctx, models.Session{UserID: ann.ID, IP: ip, Agent: agent}, time.Hour)
		w.ok(err)
		time.Sleep(2 * time.Millisecond) // so that one is the newest
		return token
	}
	first, second, third := begin("203.0.113.1", "Firefox"), begin("203.0.113.2", "x\x00\xff"), begin("", "")
	list, err := w.Sessions(w.ctx, ann.ID)
	w.ok(err)
	w.equal("sessions", []any{len(list), list[2].IP, list[2].Agent, list[2].ID}, []any{3, "203.0.113.1", "Firefox", models.SessionID(first)})
	w.is(w.EndSessionOf(w.ctx, ann.ID+1, models.SessionID(first)), models.ErrNotFound)
	w.ok(w.EndSessionOf(w.ctx, ann.ID, models.SessionID(first)))
	w.is(w.EndSessionOf(w.ctx, ann.ID, models.SessionID(first)), models.ErrNotFound)
	live := func(token models.Secret) bool { _, err := w.SessionUser(w.ctx, token); return err == nil }
	w.equal("live", []bool{live(first), live(second), live(third)}, []bool{false, true, true})

	w.is(w.ChangePassword(w.ctx, ann.ID, "wrong horse", "a new password", second), models.ErrNotFound)
	w.equal("nothing ended", live(third), true)
	w.ok(w.ChangePassword(w.ctx, ann.ID, "correct horse", "a new password", second))
	w.equal("live after", []bool{live(second), live(third)}, []bool{true, false})
	_, err = w.Authenticate(w.ctx, "ann@example.com", "a new password")
	w.ok(err)
	begin("", "")
	n, err := w.EndOtherSessions(w.ctx, ann.ID, second)
	w.ok(err)
	w.equal("ended", []any{n, live(second)}, []any{int64(1), true})

	w.ok(w.SetUserName(w.ctx, ann.ID, "آن"))
	w.is(w.SetUserName(w.ctx, ann.ID+1, "x"), models.ErrNotFound)
	us, err := w.Users(w.ctx, w.business)
	w.ok(err)
	w.equal("name", us[0].Called(), "آن")
}

func testInvitations(_ *testing.T, w *world) {
	w.user("ann@example.com", models.RoleOwner)
	ask := func(email string, lasts time.Duration) models.Secret {
		w.t.Helper()
		_, token, err := w.Invite(w.ctx, models.Invitation{BusinessID: w.business, Email: email, Role: models.RoleMember, InvitedBy: "Ann"}, lasts)
		w.ok(err)
		return token
	}
	_, _, err := w.Invite(w.ctx, models.Invitation{BusinessID: w.business, Email: "ANN@example.com", Role: models.RoleMember}, time.Hour)
	w.is(err, models.ErrConflict)
	first := ask("bob@example.com", time.Hour)
	second := ask("Bob@Example.com ", time.Hour)
	_, err = w.InvitationByToken(w.ctx, first)
	w.is(err, models.ErrNotFound)
	in, err := w.InvitationByToken(w.ctx, second)
	w.ok(err)
	w.equal("invitation", []any{in.Email, in.Role, in.InvitedBy, in.BusinessID}, []any{"bob@example.com", models.RoleMember, "Ann", w.business})
	late := ask("late@example.com", 20*time.Millisecond)
	time.Sleep(30 * time.Millisecond)
	_, err = w.AcceptInvitation(w.ctx, late, "Late", "correct horse")
	w.is(err, models.ErrNotFound)
	if _, err = w.AcceptInvitation(w.ctx, second, "Bob", "short"); err == nil {
		w.t.Fatal("a short password was taken")
	}
	u, err := w.AcceptInvitation(w.ctx, second, "Bob", "correct horse")
	w.ok(err)
	w.equal("user", []any{u.Email, u.Name, u.Role, u.BusinessID, u.IsOperator}, []any{"bob@example.com", "Bob", models.RoleMember, w.business, false})
	_, err = w.AcceptInvitation(w.ctx, second, "Bob", "correct horse")
	w.is(err, models.ErrNotFound)
	_, err = w.Authenticate(w.ctx, "bob@example.com", "correct horse")
	w.ok(err)

	token := ask("cat@example.com", time.Hour)
	list, err := w.Invitations(w.ctx, w.business)
	w.ok(err)
	w.equal("open", len(list), 1)
	_, err = w.EndInvitation(w.ctx, w.otherBusiness(), list[0].ID)
	w.is(err, models.ErrNotFound)
	ended, err := w.EndInvitation(w.ctx, w.business, list[0].ID)
	w.ok(err)
	w.equal("ended", ended.Email, "cat@example.com")
	_, err = w.AcceptInvitation(w.ctx, token, "Cat", "correct horse")
	w.is(err, models.ErrNotFound)

	token = ask("dan@example.com", time.Hour)
	w.user("dan@example.com", models.RoleReader)
	_, err = w.AcceptInvitation(w.ctx, token, "Dan", "correct horse")
	w.is(err, models.ErrConflict)
}

func testKeyUse(_ *testing.T, w *world) {
	k, _, err := w.AddAPIKey(w.ctx, models.APIKey{BusinessID: w.business, Name: "CI", CreatedBy: "Ann"})
	w.ok(err)
	read := func() models.APIKey {
		ks, err := w.APIKeys(w.ctx, w.business)
		w.ok(err)
		return ks[0]
	}
	w.equal("new", []any{read().CreatedBy, read().LastUsedAt == nil}, []any{"Ann", true})
	at := time.Now().Truncate(time.Second)
	w.ok(w.KeyUsed(w.ctx, k.ID, at))
	w.ok(w.KeyUsed(w.ctx, k.ID, at.Add(59*time.Second)))
	w.equal("used", read().LastUsedAt.Equal(at), true)
	w.ok(w.KeyUsed(w.ctx, k.ID, at.Add(time.Minute)))
	w.equal("used later", read().LastUsedAt.Equal(at.Add(time.Minute)), true)
	before, err := w.RenameAPIKey(w.ctx, w.business, k.ID, "build")
	w.ok(err)
	w.equal("names", []string{before.Name, read().Name}, []string{"CI", "build"})
	_, err = w.RenameAPIKey(w.ctx, w.otherBusiness(), k.ID, "x")
	w.is(err, models.ErrNotFound)
}
