// Package dashboard draws the pages that people see: a view goes in, HTML comes out. Templates, style and the little
// script there is are embedded; nothing is built, and nothing is loaded from anywhere else.
//
// It knows nothing of requests, rows or rights. Every text in a view may come from a stranger: html/template escapes it,
// and templates give text that people wrote dir="auto", because its language is theirs.
//
// A page is a view that embeds [Shell], a template that defines "content", and a line in [Views]. What pages are put
// together from, each with a line of use:
//
//	{{template "crumbs" .Above}}        pages above this one: []Crumb
//	<div class="head">                  the page's head: <div class="grow"><h1>…</h1></div><div class="actions">buttons</div>
//	{{template "tabs" .Tabs}}           views of one thing, or values of a filter: []Tab
//	{{template "pages" .Tabs}}          pages of one thing, below its head: []Tab
//	{{template "stats" .Cards}}         tiles with numbers: []Stat
//	<div class="card table"><table class="cards">
//	                                    rows that are cards on a phone: <td data-label="Status">, <td class="lead"> for the name
//	<form class="search">               a bar of filters, by GET; class="most" for the widest field
//	{{template "pager" .Pager}}         Newest and Older: Pager
//	{{template "status" .Status}}       a delivery's status; {{template "badge" .Badge}} any other word in a colour: Badge
//	{{template "code" .Code}}           an HTTP status; 0 is no answer
//	{{template "when" .At}}             a moment, told as its age: When
//	<div class="card empty">            nothing here: h2, p class="dim", a class="button primary"
//	<p class="banner wait">             what wants to be known: wait, bad, info, or good news without one
//	<dl class="pairs"><div><dt><dd>     keys and values; <ul class="lines"> lines with class="grow" and class="end"
//	{{template "json" .Text}}           a body, pretty or raw, with a copy button; {{template "command" .Text}} a shell command
//	{{template "field" .Field}}         a labelled input, textarea or select with hint and error: Field
//	{{template "danger" .Danger}}       what cannot be undone, behind a disclosure and maybe a typed word: Danger
//	{{template "progress" .Progress}}   how far something is: Progress
//	<div id="x" data-refresh="/path">   kept up to date from the element of the same id at /path; data-every="2" seconds
//	{{template "chart" .Chart}}         bars over time with a table beside them: NewChart; {{template "spark" .Spark}}: NewSpark
//	{{template "steps" .Steps}}         what happened, on a line of time: []Step
//	{{template "bubble" .Bubble}}       a message, inside <div class="thread">: Bubble
//	{{template "chats" .Items}}         conversations in lines: []ConversationItem; {{template "orders" .Items}}: []OrderItem
//	{{template "pairs" .Known}}         keys and values of strangers: []Pair; {{template "export" .Export}} a range to download: Export
//	<form method="post" data-again>     sends itself while its page is open: what takes longer than one request
//
// Text of strangers gets <bdi> or dir="auto", and class="clip" (two lines; clip one, clip six) where there is no room;
// addresses, ids, numbers and code get dir="ltr". There are no style attributes and no inline scripts: the policy forbids
// them. Styles and scripts in static/app are joined into one file of each kind; a script's names are its own.
package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"mime"
	"path"
	"slices"
	"strings"
)

//go:embed template/*.html static/*.svg static/app/*
var files embed.FS

// Policy is the Content-Security-Policy of every page: its own script and style, and nobody frames it.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// View is what one page shows.
type View interface {
	// template is the file of the page.
	template() string
}

// Views has one of each page, empty.
func Views() []View {
	return []View{
		Login{}, Failure{}, Home{}, Guide{}, Inspector{},
		Webhooks{}, WebhookForm{}, EventType{}, Webhook{}, WebhookDeliveries{}, WebhookReplay{}, WebhookSigning{}, WebhookCheck{}, WebhookDanger{},
		Messages{}, Delivery{}, EventPage{}, Timeline{}, Live{},
		Conversations{}, Conversation{}, Contacts{}, Contact{}, Erasures{}, Erasure{}, Orders{}, Order{}, Forms{},
		Numbers{}, NumberForm{}, Number{}, NumberReplies{}, NumberReport{},
		Team{}, TeamUser{}, Joining{}, Keys{}, Key{}, AuditLog{}, Account{},
		Broadcasts{}, BroadcastForm{}, BroadcastRegister{}, Broadcast{}, OptOuts{},
		UsageMonth{},
		Docs{}, DocOperation{},
		ConsoleQueues{}, ConsoleTasks{}, ConsoleTask{}, ConsoleWebhooks{}, ConsoleGateway{}, ConsoleBusinesses{}, ConsoleBusiness{}, ConsoleApps{}, ConsoleApp{}, ConsoleAudit{},
	}
}

// Asset is a file that pages refer to.
type Asset struct {
	Type    string
	Content []byte
	// Version changes with the content; the pages' links carry it.
	Version string
}

// Pages draws. Make it with New; safe for concurrent use.
type Pages struct {
	set    *template.Template // the layout, the parts and each page under the name of its file
	assets map[string]Asset
}

// New parses what is embedded: the pages of the views, or of all when none are named. The pages share the parts: with a set
// of its own for each, they would be most of what an idle process holds.
func New(views ...View) (*Pages, error) {
	if len(views) == 0 {
		views = Views()
	}
	p := &Pages{assets: map[string]Asset{}}
	if err := p.loadAssets(); err != nil {
		return nil, err
	}
	names := []string{"template/layout.html", "template/part_*.html"}
	for _, v := range views {
		names = append(names, "template/"+v.template())
	}
	var err error
	if p.set, err = template.New("layout").Funcs(p.functions()).ParseFS(files, names...); err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	return p, nil
}

// loadAssets reads the files that pages refer to: those in static as they are, and those in static/app joined into one
// app.css and one app.js. Each script is in braces, so that its names are its own.
func (p *Pages) loadAssets() error {
	contents := map[string][]byte{"app.js": []byte("\"use strict\";\n")}
	err := fs.WalkDir(files, "static", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := files.ReadFile(name)
		switch {
		case err != nil:
			return err
		case path.Ext(name) == ".js":
			contents["app.js"] = slices.Concat(contents["app.js"], []byte("{\n"), content, []byte("}\n"))
		case path.Ext(name) == ".css":
			contents["app.css"] = append(contents["app.css"], content...)
		default:
			contents[path.Base(name)] = content
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("dashboard: %w", err)
	}
	for name, content := range contents {
		sum := sha256.Sum256(content)
		p.assets[name] = Asset{Type: mime.TypeByExtension(path.Ext(name)), Content: content, Version: hex.EncodeToString(sum[:6])}
	}
	return nil
}

// Asset is a file by its name.
func (p *Pages) Asset(name string) (Asset, bool) {
	a, ok := p.assets[name]
	return a, ok
}

// Render draws a page.
func (p *Pages) Render(w io.Writer, v View) error {
	if err := p.set.ExecuteTemplate(w, "layout", v); err != nil {
		return fmt.Errorf("render %s: %w", v.template(), err)
	}
	return nil
}

// content draws what is the page's own, for the layout around it.
func (p *Pages) content(v View) (template.HTML, error) {
	var b strings.Builder
	err := p.set.ExecuteTemplate(&b, v.template(), v)
	return template.HTML(b.String()), err
}

// RenderArrival draws one arrival of the inspector by itself, for a page that is open already.
func (p *Pages) RenderArrival(w io.Writer, a Arrival) error {
	if err := p.set.ExecuteTemplate(w, "arrival", a); err != nil {
		return fmt.Errorf("render arrival: %w", err)
	}
	return nil
}

// RenderHappening draws one event of the live page by itself, for a page that is open already.
func (p *Pages) RenderHappening(w io.Writer, h Happening) error {
	if err := p.set.ExecuteTemplate(w, "happening", h); err != nil {
		return fmt.Errorf("render event: %w", err)
	}
	return nil
}

func (p *Pages) functions() template.FuncMap {
	return template.FuncMap{
		"asset":    func(name string) string { return "/static/" + name + "?v=" + p.assets[name].Version },
		"content":  p.content,
		"pretty":   Pretty,
		"join":     strings.Join,
		"sections": Sections,
		"console":  ConsoleSections,
		"icon":     icon,
	}
}
