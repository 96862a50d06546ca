package api

import "net/http"

// pageQuery is how most lists are read.
type pageQuery struct {
	Cursor string `json:"cursor"`             // of the page, as the one before gave it; the first has none
	Limit  int    `json:"limit" enum:"1-100"` // how many to a page; 50
}

// spanQuery narrows a list to a time.
type spanQuery struct {
	From string `json:"from"` // RFC 3339, or Unix seconds
	To   string `json:"to"`   // the same; not included
}

type auditQuery struct {
	pageQuery
	spanQuery
	Action string `json:"action"` // such as webhook.updated, or webhook.* for all that are done to webhooks
	Actor  string `json:"actor"`  // user, key, admin, system or unknown, or one of them by its id: user:3
}

type usageQuery struct {
	Month string `json:"month"` // UTC, such as 2026-11; this one
}

type credentialsBody struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

type nameBody struct {
	Name string `json:"name"`
}

type roleBody struct {
	Role string `json:"role" enum:"owner,member,read-only"`
}

type inviteBody struct {
	Email string `json:"email"`
	Role  string `json:"role" enum:"owner,member,read-only"`
}

type acceptBody struct {
	Token    string `json:"token"` // of the invitation's link
	Name     string `json:"name"`
	Password string `json:"password"`
}

type passwordBody struct {
	Current string `json:"current_password"`
	New     string `json:"new_password"`
}

type keyBody struct {
	Name     string `json:"name"`
	NumberID *int64 `json:"number_id"` // of the one number that it opens; null: the whole business
}

// nothing is the body of requests that take none: an empty object does as well.
type nothing struct{}

func accountTopics() []topic {
	return []topic{
		{"Account", "Logging in, and oneself.", []operation{
			op("POST", "login", "login", "Begins a session, whose cookie comes with the answer.").byAnybody().takes(credentialsBody{}, `{"email":"you@example.com","password":"correct horse"}`, "email", "password").
				ok(members{"user": userJSON{}}).refuses(http.StatusUnauthorized, http.StatusTooManyRequests),
			op("POST", "logout", "logout", "Ends the session that asks.").byAnybody().ok(message{}),
			op("GET", "me", "getMe", "Who is calling, and for which business.").ok(meJSON{}),
			op("PUT", "me", "updateMe", "Changes one's name.").takes(nameBody{}, `{"name":"Amal"}`, "name").ok(message{}),
			op("PUT", "me/password", "changePassword", "Changes one's password, which ends the other sessions.").takes(passwordBody{}, `{"current_password":"correct horse","new_password":"battery staple"}`, "current_password", "new_password").
				ok(message{}).refuses(http.StatusTooManyRequests),
			op("GET", "me/sessions", "listSessions", "One's sessions.").byPerson().ok(members{"sessions": []sessionJSON{}}),
			op("DELETE", "me/sessions", "endOtherSessions", "Ends one's sessions but the one that asks.").ok(message{}),
			op("DELETE", "me/sessions/:id", "endSession", "Ends one of one's sessions.").ok(message{}),
			op("GET", "invitations/:token", "getInvitation", "What an invitation is to.").byAnybody().ok(invitationShown{}).refuses(http.StatusTooManyRequests),
			op("POST", "invitations/accept", "acceptInvitation", "Becomes a user by an invitation, and begins a session.").byAnybody().
				takes(acceptBody{}, `{"token":"inv_…","name":"Nour","password":"correct horse"}`, "token", "name", "password").
				gives(http.StatusCreated, members{"user": userJSON{}}).refuses(http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests),
		}},
		{"Team", "Who may log in, and what was done by whom.", []operation{
			op("GET", "team", "getTeam", "The users, and who is invited.").ok(teamJSON{}),
			op("PUT", "team/users/:id<int>", "setRole", "Changes what a user may do.").takes(roleBody{}, `{"role":"member"}`, "role").ok(message{}).refuses(http.StatusConflict),
			op("DELETE", "team/users/:id<int>", "removeUser", "Removes a user and ends their sessions.").ok(message{}).refuses(http.StatusConflict),
			op("POST", "team/invitations", "invite", "Makes a link by which somebody becomes a user.").takes(inviteBody{}, `{"email":"nour@example.com","role":"member"}`, "email", "role").
				gives(http.StatusCreated, invitationCreated{}).refuses(http.StatusConflict),
			op("DELETE", "team/invitations/:id<int>", "endInvitation", "Takes an invitation back.").ok(message{}),
			op("GET", "audit", "listAudit", "What was changed, by whom and when; the newest first.").with(auditQuery{}).ok(auditList{}),
		}},
		{"Keys", "What programs say who they are with.", []operation{
			op("GET", "keys", "listKeys", "The keys, without what is secret of them.").ok(members{"keys": []keyJSON{}}),
			op("POST", "keys", "createKey", "Makes a key, which is shown this once.").takes(keyBody{}, `{"name":"CI","number_id":null}`, "name").gives(http.StatusCreated, keyCreated{}).refuses(http.StatusNotFound),
			op("PUT", "keys/:id<int>", "renameKey", "Changes a key's name.").takes(nameBody{}, `{"name":"Build"}`, "name").ok(message{}),
			op("DELETE", "keys/:id<int>", "deleteKey", "Ends a key.").ok(message{}),
			op("POST", "keys/:id<int>/regenerate", "regenerateKey", "Ends a key and makes another in its place. A number's webhook of /v1/configs/webhook goes with it.").
				takes(nothing{}, "").ok(keyCreated{}),
		}},
		{"Usage", "How much came and went.", []operation{
			op("GET", "usage", "getUsage", "A month's traffic by day and by number.").with(usageQuery{}).ok(usageJSON{}),
		}},
	}
}
