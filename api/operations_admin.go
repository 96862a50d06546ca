package api

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/models"
)

// registerOperationsAPI adds what operations look at and change as an API.
func (s *Server) registerOperationsAPI(r fiber.Router) {
	r.Get("/queues", s.operations(s.handleQueues))
	s.registerTasks(r)
	r.Get("/webhooks", s.operations(s.handleTroubles))
	r.Get("/gateway", s.operations(s.handleGateway))
	r.Get("/businesses", s.operations(s.handleTenantList))
	r.Post("/businesses", s.operations(s.handleTenantCreate))
	r.Get("/businesses/:id<int>", s.operations(s.handleTenantGet))
	r.Put("/businesses/:id<int>", s.operations(s.handleTenantRename))
	r.Get("/apps", s.operations(s.handleAppList))
	r.Post("/apps", s.operations(s.handleAppCreate))
	r.Get("/apps/:name", s.operations(s.handleAppGet))
	r.Put("/apps/:name/token", s.operations(s.handleAppToken))
	r.Post("/apps/:name/secrets", s.operations(s.handleAppSecret))
	r.Post("/apps/:name/secrets/old", s.operations(s.handleAppSecretsOld))
	r.Get("/audit", s.operations(s.handleOperationsAudit))
}

// tenantJSON is a business and how much it has.
type tenantJSON struct {
	ID        int64      `json:"id"`
	Name      string     `json:"name"`
	CreatedAt event.Time `json:"created_at"`
	Numbers   int64      `json:"numbers"`
	Users     int64      `json:"users"`
	Webhooks  int64      `json:"webhooks"`
	Failing   int64      `json:"failing"` // webhooks that fail, or were switched off for it
}

func tenantView(t models.Tenant) tenantJSON {
	return tenantJSON{t.ID, t.Name, event.Time{Time: t.CreatedAt}, t.Numbers, t.Users, t.Webhooks, t.Failing}
}

// tenants are the page of businesses that a request asks for, and the cursor of the next.
func (s *Server) tenants(ctx context.Context, query func(key string, defaults ...string) string) (rows []models.Tenant, next string, err error) {
	after, limit, err := page(query)
	if err != nil {
		return nil, "", err
	}
	f := models.TenantFilter{Search: strings.TrimSpace(strings.Clone(query("search"))), After: after, Limit: limit + 1}
	if len(f.Search) > maxTenantName {
		return nil, "", invalid("search", codeTooLong, "may have at most %d bytes", maxTenantName)
	}
	if rows, err = s.store.Tenants(ctx, f); err != nil {
		return nil, "", err
	}
	rows, next = cut(rows, limit, func(t models.Tenant) int64 { return t.ID })
	return rows, next, nil
}

func (s *Server) handleTenantList(c *fiber.Ctx, _ caller) error {
	rows, next, err := s.tenants(c.UserContext(), c.Query)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, tenantsJSON{views(rows, tenantView), next})
}

func (s *Server) handleTenantGet(c *fiber.Ctx, _ caller) error {
	t, err := s.tenantOf(c)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, oneTenant{tenantView(t)})
}

func (s *Server) tenantOf(c *fiber.Ctx) (models.Tenant, error) {
	id, err := pathID(c, "id")
	if err != nil {
		return models.Tenant{}, err
	}
	return s.store.Tenant(c.UserContext(), id)
}

// maxTenantName bounds the name of a business, in bytes.
const maxTenantName = 200

// tenantName judges the name of a business.
func tenantName(text string) (string, error) {
	switch text = strings.TrimSpace(text); {
	case text == "":
		return "", invalid("name", codeRequired, "is required")
	case len(text) > maxTenantName:
		return "", invalid("name", codeTooLong, "may have at most %d bytes", maxTenantName)
	case !utf8.ValidString(text):
		return "", invalid("name", codeInvalid, "must be UTF-8")
	}
	return text, nil
}

func (s *Server) createTenant(ctx context.Context, text string) (models.Business, error) {
	name, err := tenantName(text)
	if err != nil {
		return models.Business{}, err
	}
	b, err := s.store.CreateBusiness(ctx, name)
	noteOf(ctx).about("business", b.ID, b.Name).of(b.ID).did("business.created")
	return b, err
}

func (s *Server) renameTenant(ctx context.Context, id int64, text string) error {
	name, err := tenantName(text)
	if err != nil {
		return err
	}
	before, err := s.store.RenameBusiness(ctx, id, name)
	noteOf(ctx).about("business", id, name).of(id).changed("name", before.Name, name)
	return err
}

// namedBody reads a body that has a name and nothing else.
func namedBody(c *fiber.Ctx, name string) (string, error) {
	o := parseObject(c.Body(), name)
	text := member[string](o, name, "text")
	return text.value, o.err
}

func (s *Server) handleTenantCreate(c *fiber.Ctx, _ caller) error {
	name, err := namedBody(c, "name")
	if err != nil {
		return err
	}
	b, err := s.createTenant(c.UserContext(), name)
	if err != nil {
		return err
	}
	return reply(c, http.StatusCreated, oneTenant{tenantView(models.Tenant{Business: b})})
}

func (s *Server) handleTenantRename(c *fiber.Ctx, _ caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	name, err := namedBody(c, "name")
	if err == nil {
		err = s.renameTenant(c.UserContext(), id, name)
	}
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, message{"Business renamed."})
}

// appJSON is an app without what is secret of it.
type appJSON struct {
	ID         int64           `json:"id"`
	Name       string          `json:"name"`
	BusinessID *int64          `json:"business_id"` // null: it serves every business
	Business   string          `json:"business"`
	Callback   string          `json:"callback_path"`
	CreatedAt  event.Time      `json:"created_at"`
	Secrets    []appSecretJSON `json:"secrets"` // the live ones, the newest first
}

type appSecretJSON struct {
	ID        int64      `json:"id"`
	CreatedAt event.Time `json:"created_at"`
}

func appView(a models.AppSummary) appJSON {
	return appJSON{ID: a.ID, Name: a.Name, BusinessID: a.BusinessID, Business: a.Business, Callback: "/webhooks/cloud/" + a.Name, CreatedAt: event.Time{Time: a.CreatedAt},
		Secrets: views(a.Secrets, func(sec models.AppSecret) appSecretJSON {
			return appSecretJSON{sec.ID, event.Time{Time: sec.CreatedAt}}
		})}
}

func (s *Server) handleAppList(c *fiber.Ctx, _ caller) error {
	list, err := s.store.Apps(c.UserContext())
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, appsJSON{views(list, appView)})
}

func (s *Server) handleAppGet(c *fiber.Ctx, _ caller) error {
	a, err := s.store.AppNamed(c.UserContext(), strings.Clone(c.Params("name")))
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, oneApp{appView(a)})
}

// newApp is an app that is to be made.
type newApp struct{ Name, Business, VerifyToken, Secret string }

// maxAppSecret bounds a secret and a verify token, in bytes.
const maxAppSecret = 500

// appName judges the name of an app, which is part of its callback address.
func appName(name string) error {
	ok := name != "" && len(name) <= 64
	for _, r := range name {
		ok = ok && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
	}
	if !ok || strings.Trim(name, ".") == "" {
		return invalid("name", codeInvalid, "use up to 64 letters, digits, dots, dashes and underscores; it is part of the callback address")
	}
	return nil
}

// appText judges a secret or a verify token of an app.
func appText(field, text string) (models.Secret, error) {
	switch text = strings.TrimSpace(text); {
	case text == "":
		return "", invalid(field, codeRequired, "is required")
	case len(text) > maxAppSecret:
		return "", invalid(field, codeTooLong, "may have at most %d bytes", maxAppSecret)
	}
	return models.Secret(text), nil
}

func (s *Server) createApp(ctx context.Context, in newApp) (models.App, error) {
	if err := appName(in.Name); err != nil {
		return models.App{}, err
	}
	business, err := queryID("business", strings.TrimSpace(in.Business))
	if err != nil {
		return models.App{}, err
	}
	a := models.App{Name: in.Name}
	if business != 0 {
		if _, err := s.store.Business(ctx, business); err != nil {
			return a, invalid("business", codeInvalid, "there is no business %d", business)
		}
		a.BusinessID = &business
	}
	if a.VerifyToken, err = appText("verify_token", in.VerifyToken); err != nil {
		return a, err
	}
	secret, err := appText("secret", in.Secret)
	if err != nil {
		return a, err
	}
	a.Secrets = []models.Secret{secret}
	if a, err = s.store.CreateApp(ctx, a); err != nil {
		return a, err
	}
	noteOf(ctx).called("app", a.Name).of(business).did("app.created")
	s.refresh(ctx)
	return a, nil
}

// changeApp changes an app that is there, and makes it known.
func (s *Server) changeApp(ctx context.Context, name string, change func() error) error {
	a, err := s.store.AppNamed(ctx, name)
	if err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	told := noteOf(ctx).called("app", name)
	if a.BusinessID != nil {
		told.of(*a.BusinessID)
	}
	s.refresh(ctx)
	return nil
}

func (s *Server) setAppToken(ctx context.Context, name, text string) error {
	token, err := appText("verify_token", text)
	if err != nil {
		return err
	}
	return s.changeApp(ctx, name, func() error { return s.store.SetVerifyToken(ctx, name, token) })
}

func (s *Server) addAppSecret(ctx context.Context, name, text string) error {
	secret, err := appText("secret", text)
	if err != nil {
		return err
	}
	return s.changeApp(ctx, name, func() error { return s.store.AddAppSecret(ctx, name, secret) })
}

func (s *Server) endOldAppSecrets(ctx context.Context, name string) error {
	return s.changeApp(ctx, name, func() error { return s.store.DropOldAppSecrets(ctx, name) })
}

func (s *Server) handleAppCreate(c *fiber.Ctx, _ caller) error {
	o := parseObject(c.Body(), "name", "business_id", "verify_token", "secret")
	in := newApp{Name: member[string](o, "name", "text").value, VerifyToken: member[string](o, "verify_token", "text").value, Secret: member[string](o, "secret", "text").value}
	if business := member[int64](o, "business_id", "an id, or null for every business"); business.value != 0 {
		in.Business = strconv.FormatInt(business.value, 10)
	}
	if o.err != nil {
		return o.err
	}
	a, err := s.createApp(c.UserContext(), in)
	if err != nil {
		return err
	}
	made, err := s.store.AppNamed(c.UserContext(), a.Name)
	if err != nil {
		return err
	}
	return reply(c, http.StatusCreated, oneApp{appView(made)})
}

func (s *Server) handleAppToken(c *fiber.Ctx, _ caller) error {
	text, err := namedBody(c, "verify_token")
	if err == nil {
		err = s.setAppToken(c.UserContext(), strings.Clone(c.Params("name")), text)
	}
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, message{notices["token-rotated"]})
}

func (s *Server) handleAppSecret(c *fiber.Ctx, _ caller) error {
	text, err := namedBody(c, "secret")
	if err == nil {
		err = s.addAppSecret(c.UserContext(), strings.Clone(c.Params("name")), text)
	}
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, message{notices["app-secret-added"]})
}

func (s *Server) handleAppSecretsOld(c *fiber.Ctx, _ caller) error {
	if err := s.endOldAppSecrets(c.UserContext(), strings.Clone(c.Params("name"))); err != nil {
		return err
	}
	return reply(c, http.StatusOK, message{notices["app-secrets-ended"]})
}

// operationsAudit is one page of what was done to the gateway as a whole, and by operators.
func (s *Server) operationsAudit(ctx context.Context, f models.AuditFilter) (rows []models.AuditEntry, next string, err error) {
	limit := cmp.Or(f.Limit, listPage)
	f.Limit = limit + 1
	if rows, err = s.store.OperationsAudit(ctx, f); err != nil {
		return nil, "", err
	}
	rows, next = cut(rows, limit, func(e models.AuditEntry) int64 { return e.ID })
	return rows, next, nil
}

// operationEntryJSON is an entry of the log of operations: of a business, or of the gateway as a whole.
type operationEntryJSON struct {
	auditJSON
	BusinessID *int64 `json:"business_id"` // null: the gateway as a whole
}

func (s *Server) handleOperationsAudit(c *fiber.Ctx, _ caller) error {
	f, err := parseAuditFilter(c.Query)
	if err != nil {
		return err
	}
	rows, next, err := s.operationsAudit(c.UserContext(), f)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, operationEntriesJSON{views(rows, func(e models.AuditEntry) operationEntryJSON {
		v := operationEntryJSON{auditJSON: auditView(e)}
		if e.BusinessID != 0 {
			v.BusinessID = &e.BusinessID
		}
		return v
	}), next})
}
