package api

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/models"
)

// auditParameters are what narrows the log.
var auditParameters = []string{"actor", "action", "from", "to"}

func (s *Server) pageAudit(c *fiber.Ctx, who caller) error {
	form := typedForm{values: map[string]string{}}
	query := url.Values{}
	for _, name := range auditParameters {
		if form.values[name] = strings.Clone(c.Query(name)); form.values[name] != "" {
			query.Set(name, form.values[name])
		}
	}
	view := dashboard.AuditLog{Shell: shell(who, "Audit log"), Pages: teamTabs(who, "/team/audit"), Narrowed: len(query) > 0}
	f, err := parseAuditFilter(ofDays(c.Query))
	if err == nil {
		var rows []models.AuditEntry
		var next string
		if rows, next, err = s.auditPage(c.UserContext(), who.Business, f); err == nil {
			view.Entries = views(rows, s.auditEntry)
			view.Pager = pagerOf("/team/audit", query, f.Before > 0, next)
		}
	}
	if err != nil {
		if err := form.refuse(err); err != nil {
			return err
		}
	}
	if view.Fields, err = s.auditFields(c, who, form); err != nil {
		return err
	}
	view.Error = form.general(view.Fields)
	return s.render(c, form.status(), view)
}

// ofDays reads a query in which moments may be days, as pages ask for them: from its beginning, to its end, both UTC.
func ofDays(query func(key string, defaults ...string) string) func(key string, defaults ...string) string {
	return func(key string, defaults ...string) string {
		text := query(key, defaults...)
		day, err := time.Parse(time.DateOnly, text)
		switch {
		case err != nil:
			return text
		case key == "from":
			return day.Format(time.RFC3339)
		case key == "to":
			return day.AddDate(0, 0, 1).Format(time.RFC3339)
		}
		return text
	}
}

// auditFields are the fields of the filter. Actors are whoever could be asked for now; another that is asked for is added.
func (s *Server) auditFields(c *fiber.Ctx, who caller, form typedForm) ([]dashboard.Field, error) {
	actors := []dashboard.Choice{{Label: "Anybody"}, {Value: models.ActorUser, Label: "People"}, {Value: models.ActorKey, Label: "Keys"},
		{Value: models.ActorAdmin, Label: "wabagate admin"}, {Value: models.ActorSystem, Label: "The gateway itself"}, {Value: models.ActorUnknown, Label: "Somebody unknown"}}
	users, err := s.store.Users(c.UserContext(), who.Business)
	if err != nil {
		return nil, err
	}
	keys, err := s.store.APIKeys(c.UserContext(), who.Business)
	if err != nil {
		return nil, err
	}
	for _, u := range users[:min(len(users), listPage)] {
		actors = append(actors, dashboard.Choice{Value: "user:" + strconv.FormatInt(u.ID, 10), Label: shortened(u.Called())})
	}
	for _, k := range keys[:min(len(keys), listPage)] {
		actors = append(actors, dashboard.Choice{Value: "key:" + strconv.FormatInt(k.ID, 10), Label: "Key " + shortened(k.Name)})
	}
	actors = withChosen(actors, form.values["actor"])
	actions := withChosen(auditChoices(), form.values["action"])
	return form.fields(dashboard.Field{Name: "actor", Label: "Who", Type: "select", Options: actors}, dashboard.Field{Name: "action", Label: "What", Type: "select", Options: actions},
		dashboard.Field{Name: "from", Label: "From (UTC)", Type: dayField(form.values["from"])}, dashboard.Field{Name: "to", Label: "Until, inclusive", Type: dayField(form.values["to"])}), nil
}

// dayField is the type of a field for a day. What a date field cannot show would be lost on the way.
func dayField(value string) string {
	if _, err := time.Parse(time.DateOnly, value); err != nil && value != "" {
		return ""
	}
	return "date"
}

// withChosen adds an option for what is asked for and is none yet.
func withChosen(list []dashboard.Choice, value string) []dashboard.Choice {
	if slices.ContainsFunc(list, func(c dashboard.Choice) bool { return c.Value == value }) {
		return list
	}
	return append(list, dashboard.Choice{Value: value, Label: shortened(value)})
}

// shortened cuts a name to what an option has room for.
func shortened(name string) string {
	const most = 40
	if r := []rune(name); len(r) > most {
		return string(r[:most]) + "…"
	}
	return name
}

// auditEntry says in words what an entry tells.
func (s *Server) auditEntry(e models.AuditEntry) dashboard.AuditEntry {
	v := dashboard.AuditEntry{Actor: actorName(e.Actor), ActorPath: actorPath(e.Actor), Did: didText(e), IP: e.IP, At: dashboard.NewWhen(e.At(), s.now())}
	if !ownAct(e) {
		v.Object, v.ObjectPath = objectName(e.Object), objectPath(e)
	}
	for _, ch := range e.Changes {
		field := strings.ReplaceAll(ch.Field, "_", " ")
		v.Fields = append(v.Fields, field)
		if before, after := changeText(ch.Before), changeText(ch.After); before != "" || after != "" {
			v.Values = append(v.Values, dashboard.AuditValue{Field: field, Before: before, After: after})
		}
	}
	return v
}
