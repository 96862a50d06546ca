package api_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/models"
)

// sample is what stands for a parameter of the routes of pages.
type sample struct {
	id string
	// shared is what every business has; absent what we have none of here.
	shared, absent bool
}

// samples makes one of everything that has a page. The keys are places up to the parameter.
func (b *bundle) samples() map[string]sample {
	b.t.Helper()
	bin := b.create("http://127.0.0.1:1/inspect/demo")
	w := b.webhook()
	delivery := b.delivery(w, "message.received", models.Failed, rejected)
	p := b.person("Layla", "15550177321")
	order := b.order(p, "wamid.1")
	gone := b.person("Omar", "15550177322")
	status, got := b.api("POST", "/contacts/"+decimal(gone.Contact.ID)+"/erase", "")
	require.Less(b.t, status, 300, got)
	_, got = b.api("GET", "/erasures", "")
	erasure := regexp.MustCompile(`"id":([0-9]+)`).FindStringSubmatch(got)
	require.NotNil(b.t, erasure, got)
	require.NoError(b.t, refresh(b))
	b.connected(80)
	b.accepted(nil, "wamid.77")
	drafted := strings.TrimPrefix(b.drafted(""), "/broadcasts/")
	happened := decode[struct{ Events []struct{ ID string } }](b.t, second(b.api("GET", "/events?limit=1", ""))).Events[0]
	ks, err := b.store.APIKeys(b.t.Context(), b.ours.ID)
	require.NoError(b.t, err)
	require.Positive(b.t, bin)
	return map[string]sample{"webhooks": {id: decimal(w.ID)}, "webhooks/events": {id: "message.received", shared: true}, "deliveries": {id: delivery}, "inspect": {id: "demo"},
		"conversations": {id: decimal(p.Conversation.ID)}, "conversations/*/media": {id: "1", absent: true}, "contacts": {id: decimal(p.Contact.ID)}, "erasures": {id: erasure[1]},
		"orders": {id: decimal(order.ID)}, "numbers": {id: decimal(b.number.ID)}, "numbers/*/keys": {id: decimal(ks[len(ks)-1].ID)},
		"events": {id: happened.ID}, "timeline": {id: "wamid.77"}, "broadcasts": {id: drafted},
		"team/users": {id: "1"}, "team/keys": {id: decimal(ks[0].ID)}}
}

func second[A, B any](_ A, v B) B { return v }

// address is one that a route takes, made of samples.
func (r registered) address(t *testing.T, samples map[string]sample) (path string, owned, absent bool) {
	t.Helper()
	var place []string
	segments := strings.Split(strings.Trim(r.path, "/"), "/")
	for i, segment := range segments {
		if strings.HasPrefix(segment, ":") || segment == "*" {
			s, ok := samples[strings.Join(place, "/")]
			require.True(t, ok, "%s: say in samples what stands for %s", r.path, segment)
			segments[i], owned, absent = s.id, owned || !s.shared, absent || s.absent
			segment = "*"
		}
		place = append(place, segment)
	}
	return "/" + strings.Join(segments, "/"), owned, absent
}

// pageRoutes are the addresses that people open, but those that stand before the login.
func (b *bundle) pageRoutes() (list []registered) {
	for _, r := range append(b.routes(true), registered{"GET", "/inspect/:bin"}) {
		if r.isPage() && r.path != "/login" && r.path != "/invitations/:token" {
			list = append(list, r)
		}
	}
	return list
}

var (
	// changing finds the forms of a page that change something, sendButton the buttons that send them, and revealed what its links
	// and buttons read.
	changing   = regexp.MustCompile(`(?s)<form[^>]* method="post".*?</form>`)
	sendButton = regexp.MustCompile(`<button( class="[^"]*"| name="[^"]*"| value="[^"]*"| id="[^"]*"| aria-pressed="[^"]*")*( title="[^"]*")?>`)
	formAction = regexp.MustCompile(` action="([^"]*)"`)
	moreAction = regexp.MustCompile(` formaction="([^"]*)"`)
	revealed   = regexp.MustCompile(` (?:data-reveal|href)="(/[^"]*)"`)
)

// Nobody sees a page without a login, or another business's things; and no page offers what its viewer's role is refused.
func TestEveryPageKnowsWhoAsks(t *testing.T) {
	b := setup(t, sending, func(o *api.Options) { o.Simulator = &player{} })
	samples := b.samples()
	_, reader := b.user("reader@example.com", models.RoleReader)
	_, member := b.user("member@example.com", models.RoleMember)
	routes := b.pageRoutes()
	require.Greater(t, len(routes), 30)
	forms := 0
	for _, r := range routes {
		path, owned, absent := r.address(t, samples)
		if strings.HasSuffix(path, ".csv") {
			path += "?from=2026-01-01&to=2026-01-02"
		}
		status, got, to := b.read("", path)
		require.Equal(t, 303, status, path)
		require.NotContains(t, got, "<form", path)
		stub := !strings.HasPrefix(to, "/login")
		if stub { // the address of a form that was sent, which leads to its page
			path, _, _ = strings.Cut(to, "?")
			owned = owned && strings.ContainsAny(path, "0123456789")
			_, _, to = b.read("", path)
		}
		require.Equal(t, "/login?next="+url.QueryEscape(path), to, r.path)
		if strings.HasSuffix(path, "/stream") { // it would not end
			continue
		}

		status, got, _ = b.read(b.session, path)
		switch {
		case absent:
			require.Equal(t, 404, status, path)
		default:
			require.Contains(t, []int{200, 303}, status, path+got)
		}
		if owned {
			status, got, _ = b.read(b.theirUser, path)
			require.Equal(t, 404, status, "%s is another's", path)
			require.Contains(t, got, "<!doctype html>", path)
			require.NotContains(t, got, "Layla", path)
		}
		for role, session := range map[models.Role]string{models.RoleOwner: b.session, models.RoleMember: member, models.RoleReader: reader} {
			_, got, _ = b.read(session, path)
			for _, change := range changesIn(got, path) {
				forms++
				assert.NoError(t, b.allowed("POST", change, role), "%s offers %s to %s", path, change, role)
			}
			for _, m := range revealed.FindAllStringSubmatch(got, -1) {
				to, _, _ := strings.Cut(strings.ReplaceAll(m[1], "&amp;", "&"), "?")
				to, _, _ = strings.Cut(to, "#")
				assert.NoError(t, b.allowed("GET", to, role), "%s offers %s to %s", path, to, role)
			}
		}
	}
	require.Greater(t, forms, 50)
}

// changesIn are where the forms of a page lead that change something.
func changesIn(page, path string) (list []string) {
	for _, form := range changing.FindAllString(page, -1) {
		if !sendButton.MatchString(form) {
			continue
		}
		to := path
		if m := formAction.FindStringSubmatch(form); m != nil {
			to = m[1]
		}
		list = append(list, to)
	}
	for _, m := range moreAction.FindAllStringSubmatch(page, -1) {
		list = append(list, m[1])
	}
	for i, to := range list {
		list[i], _, _ = strings.Cut(strings.ReplaceAll(to, "&amp;", "&"), "?")
		list[i], _, _ = strings.Cut(list[i], "#")
	}
	return list
}

// allowed is why a role may not make a request to an address; nil: it may.
func (b *bundle) allowed(method, path string, role models.Role) error {
	b.t.Helper()
	if path == "/look" || path == "/logout" || strings.HasPrefix(path, "/monitor") {
		return nil
	}
	for _, r := range b.app.GetRoutes(true) {
		if r.Method != method {
			continue
		}
		pattern := "^" + regexp.MustCompile(`:[a-z]+<int>`).ReplaceAllString(strings.ReplaceAll(r.Path, "*", ".*"), `[0-9]+`) + "$"
		pattern = regexp.MustCompile(`:[a-z]+`).ReplaceAllString(pattern, `[^/]+`)
		if regexp.MustCompile(pattern).MatchString(path) {
			return api.Refused(method, api.PlaceOf(r.Path), role)
		}
	}
	b.t.Errorf("no route takes %s %s", method, path)
	return nil
}
