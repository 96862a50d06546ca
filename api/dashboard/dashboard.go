// Package dashboard draws the pages that people see: a view goes in, HTML comes out. Templates, style and the little
// script there is are embedded; nothing is built, and nothing is loaded from anywhere else.
//
// It knows nothing of requests, rows or rights. Every text in a view may come from a stranger: html/template escapes it,
// and templates give text that people wrote dir="auto", because its language is theirs.
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
	"strings"
)

//go:embed template/*.html static/*
var files embed.FS

// Policy is the Content-Security-Policy of every page: its own script and style, and nobody frames it.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// View is what one page shows.
type View interface {
	// template is the file of the page.
	template() string
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
	pages  map[string]*template.Template
	assets map[string]Asset
}

// New parses what is embedded.
func New() (*Pages, error) {
	p := &Pages{pages: map[string]*template.Template{}, assets: map[string]Asset{}}
	if err := p.loadAssets(); err != nil {
		return nil, err
	}
	shared, err := template.New("layout").Funcs(p.functions()).ParseFS(files, "template/layout.html", "template/part_*.html")
	if err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	for _, v := range []View{Login{}, Webhooks{}, WebhookForm{}, Webhook{}, Delivery{}, Inspector{}, Failure{}} {
		name := v.template()
		page, err := shared.Clone()
		if err == nil {
			page, err = page.ParseFS(files, "template/"+name)
		}
		if err != nil {
			return nil, fmt.Errorf("dashboard: %w", err)
		}
		p.pages[name] = page
	}
	return p, nil
}

func (p *Pages) loadAssets() error {
	entries, err := fs.ReadDir(files, "static")
	if err != nil {
		return fmt.Errorf("dashboard: %w", err)
	}
	for _, e := range entries {
		content, err := files.ReadFile("static/" + e.Name())
		if err != nil {
			return fmt.Errorf("dashboard: %w", err)
		}
		sum := sha256.Sum256(content)
		p.assets[e.Name()] = Asset{Type: mime.TypeByExtension(path.Ext(e.Name())), Content: content, Version: hex.EncodeToString(sum[:6])}
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
	if err := p.pages[v.template()].ExecuteTemplate(w, "layout", v); err != nil {
		return fmt.Errorf("render %s: %w", v.template(), err)
	}
	return nil
}

// RenderArrival draws one arrival of the inspector by itself, for a page that is open already.
func (p *Pages) RenderArrival(w io.Writer, a Arrival) error {
	if err := p.pages[Inspector{}.template()].ExecuteTemplate(w, "arrival", a); err != nil {
		return fmt.Errorf("render arrival: %w", err)
	}
	return nil
}

func (p *Pages) functions() template.FuncMap {
	return template.FuncMap{
		"asset":  func(name string) string { return "/static/" + name + "?v=" + p.assets[name].Version },
		"pretty": Pretty,
		"join":   strings.Join,
	}
}
