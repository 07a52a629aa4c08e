/* Parts of pages. */
#include "editor/page_parts.h"

#include <stdio.h>
#include <string.h>

#include "common/report/markup.h"

static const char style[] =
    "<style>:root{color-scheme:light "
    "dark;--ground:#fff;--ink:#1d2023;--dim:#5a6067;--line:#d6d9dd;--soft:#f1f2f4;--key:#005a8f}"
    "@media(prefers-color-scheme:dark){:root{--ground:#15181c;--ink:#eceef0;--dim:#a6adb4;--line:#3a4047;--"
    "soft:#22262b;"
    "--key:#6bbcf0}}"
    "*{box-sizing:border-box}body{margin:0 "
    "auto;max-width:64rem;padding:1rem;background:var(--ground);color:var(--ink);"
    "font:16px/1.5 system-ui,sans-serif}h1{font-size:1.6rem;margin:.2rem 0;overflow-wrap:anywhere}"
    "h2{font-size:1.3rem;margin:2rem 0 .2rem;border-top:1px solid "
    "var(--line);padding-top:1rem;overflow-wrap:anywhere}"
    "h3{font-size:1.05rem;margin:1.4rem 0 .2rem}p{margin:.3rem "
    "0}.note{color:var(--dim);font-size:.9rem}a{color:var(--key)}"
    ".player:not([hidden]){display:block;margin:.5rem 0}.player "
    "span{display:block;font-size:.9rem;color:var(--dim);overflow-wrap:anywhere}"
    "audio{width:100%;height:40px}.wide{overflow-x:auto;margin:.6rem 0}.wide "
    "svg{display:block;width:100%;min-width:860px}"
    ".list{list-style:none;margin:0;padding:0}.list>li{border:1px solid "
    "var(--line);border-radius:8px;padding:.6rem .8rem;"
    "margin:.6rem 0}button{font:inherit;font-size:.9rem;min-height:2.2rem;padding:.2rem .7rem;margin:.15rem "
    ".4rem .15rem 0;"
    "border:1px solid var(--line);border-radius:6px;background:var(--soft);color:var(--ink);cursor:pointer}"
    "button::before{content:'\\25B6\\00A0'}button[aria-pressed=true]::before{content:'\\25A0\\00A0'}"
    "button[aria-pressed=true]{border-color:var(--key);color:var(--key)}"
    ":focus-visible{outline:3px solid var(--key);outline-offset:2px}"
    "ul{margin:.2rem 0;padding-left:1.1rem}li{margin:.4rem 0}"
    "details{margin:.4rem 0;overflow-x:auto}summary{cursor:pointer;color:var(--key);padding:.3rem 0}"
    "table{border-collapse:collapse;font-size:.9rem;margin:.4rem 0}th,td{text-align:left;padding:.3rem .8rem "
    ".3rem 0;"
    "border-bottom:1px solid var(--line);white-space:nowrap}code{font:.85rem "
    "ui-monospace,monospace;background:var(--soft);"
    "padding:.15rem .35rem;border-radius:4px;user-select:all;white-space:pre-wrap;overflow-wrap:anywhere}"
    "dl{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;margin:.4rem 0}dl "
    "div{display:flex;gap:.4rem}"
    "dt{color:var(--dim)}dd{margin:0;font-variant-numeric:tabular-nums}"
    ".chip{display:inline-block;width:.8em;height:.8em;border-radius:2px}"
    ".k0{background:#0072b2}.k1{background:#e69f00}.k2{background:#009e73}.k3{background:#cc79a7}.k4{"
    "background:#d55e00}"
    ".k5{background:#56b4e9}.k6{background:#8c6bb1}.k7{background:#a0a020}"
    "th{white-space:normal;vertical-align:bottom}.narrow{display:none}@media(max-width:56rem){.narrow{"
    "display:inline}}"
    "@media print{button,audio,details{display:none}}</style>\n";

/* One thing plays at a time; a button that is pressed again stops, and so does Escape; a click into the
 * picture plays from there; the lines in the picture follow. */
static const char script[] =
    "<script>\n"
    "const audios=[...document.querySelectorAll('audio')];let sounding=null,until=null,pressed=null;\n"
    "function release(){if(pressed)pressed.setAttribute('aria-pressed','false');pressed=null;until=null}\n"
    "function stop(){release();for(const a of audios)a.pause()}\n"
    "function follow(a){\n"
    "  const t=a.currentTime+Number(a.dataset.start);\n"
    "  for(const l of document.querySelectorAll('line.head[data-of=\"'+a.dataset.of+'\"]')){\n"
    "    const x=t*Number(l.dataset.scale);l.setAttribute('x1',x);l.setAttribute('x2',x)}\n"
    "  if(a===sounding&&until!==null&&t>=until){if(t<until+1)a.pause();release()}\n"
    "}\n"
    "function play(of,at,length,button){\n"
    "  stop();\n"
    "  const all=audios.filter(a=>a.dataset.of===of&&!a.error);\n"
    "  const a=all.find(x=>at>=Number(x.dataset.start)&&at<Number(x.dataset.end));\n"
    "  if(!a)return;\n"
    "  "
    "sounding=a;a.currentTime=at-Number(a.dataset.start);until=length===null?null:at+length;pressed=button;\n"
    "  if(button)button.setAttribute('aria-pressed','true');\n"
    "  a.play().catch(release);\n"
    "}\n"
    "for(const a of audios){\n"
    "  const frame=()=>{follow(a);if(!a.paused)requestAnimationFrame(frame)};\n"
    "  a.addEventListener('play',()=>{if(a!==sounding)release();for(const o of "
    "audios)if(o!==a)o.pause();frame()});\n"
    "  a.addEventListener('timeupdate',()=>follow(a));\n"
    "  a.addEventListener('ended',release);\n"
    "  a.addEventListener('error',()=>{\n"
    "    const says=a.parentNode.querySelector('span');if(a.controls)says.textContent+=': not found'});\n"
    "}\n"
    "for(const b of document.querySelectorAll('button[data-of]'))b.addEventListener('click',()=>{\n"
    "  if(pressed===b)stop();else play(b.dataset.of,Number(b.dataset.at),Number(b.dataset.length),b);\n"
    "});\n"
    "for(const r of document.querySelectorAll('rect.hit'))r.addEventListener('click',e=>{\n"
    "  const m=r.getScreenCTM();play(r.dataset.of,(e.clientX-m.e)/m.a/Number(r.dataset.scale),null,null);\n"
    "});\n"
    "document.addEventListener('keydown',e=>{if(e.key==='Escape')stop()});\n"
    "</script>\n";

void page_shell(ByteWriter *w, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+=:,@%";
    if (*word && word[strspn(word, plain)] == 0) {
        markup_text(w, word);
        return;
    }
    bytes_printf(w, "'");
    for (char one[2] = {0}; (one[0] = *word) != 0; word++) markup_text(w, *word == '\'' ? "'\\''" : one);
    bytes_printf(w, "'");
}

void page_head(ByteWriter *w, const char *title) {
    bytes_printf(w, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>");
    markup_text(w, title);
    bytes_printf(w, "</title>\n");
    bytes_put(w, style, sizeof style - 1);
    bytes_printf(w, "</head><body><main>\n");
}

void page_foot(ByteWriter *w) {
    bytes_printf(w, "</main>\n");
    bytes_put(w, script, sizeof script - 1);
    bytes_printf(w, "</body></html>\n");
}

/* A path as part of a URL. */
static void put_url(ByteWriter *w, const char *path) {
    for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
        const bool plain = (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                           strchr("/-_.~", *p);
        bytes_printf(w, plain ? "%c" : "%%%02X", *p);
    }
}

void page_player(ByteWriter *w, const char *label, const char *of, double start_s, double end_s) {
    bytes_printf(w, "<label class=\"player\"%s><span>", label ? "" : " hidden");
    markup_text(w, label ? label : "");
    bytes_printf(w,
                 "</span><audio%s preload=\"metadata\" data-of=\"%s\" data-start=\"%.6f\" "
                 "data-end=\"%.6f\" src=\"",
                 label ? " controls" : "", of, start_s, end_s);
}

void page_mp3(ByteWriter *w, const void *bytes, size_t n_bytes) {
    markup_data_url(w, "audio/mpeg", bytes, n_bytes);
}

void page_file(ByteWriter *w, const char *path, const char *page_folder) {
    char folder[PATH_BYTES], relative[PATH_BYTES];
    path_folder(folder, path); /* the file itself may not be there yet */
    path_relative(relative, page_folder, folder);
    put_url(w, *relative ? relative : ".");
    bytes_printf(w, "/");
    put_url(w, path_base(path));
}

void page_player_end(ByteWriter *w) { bytes_printf(w, "\"></audio></label>\n"); }

void page_play(ByteWriter *w, const char *of, double at_s, double length_s, const char *text) {
    bytes_printf(w,
                 "<button type=\"button\" aria-pressed=\"false\" data-of=\"%s\" data-at=\"%.4f\" "
                 "data-length=\"%.4f\">",
                 of, at_s, length_s);
    markup_text(w, text);
    bytes_printf(w, "</button>");
}
