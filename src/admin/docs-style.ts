/** The page's looks, in light and in dark. */
export const STYLE = `
:root{color-scheme:light dark;--ground:#fff;--ink:#1c2024;--soft:#60646c;--line:#e2e4e9;--panel:#f6f7f9;--link:#0b62c4;
--get:#0a7c4a;--post:#0b62c4;--patch:#9a5b00;--delete:#c22b2b}
@media(prefers-color-scheme:dark){:root{--ground:#15171a;--ink:#e6e8eb;--soft:#9ba1a8;--line:#2c3036;--panel:#1d2024;
--link:#70b0ff;--get:#4cc38a;--post:#70b0ff;--patch:#f0b04a;--delete:#ff8b8b}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem}
body{margin:0;display:grid;grid-template-columns:17rem minmax(0,1fr);background:var(--ground);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
nav{position:sticky;top:0;height:100vh;overflow-y:auto;padding:1.5rem 1rem 2rem 1.5rem;border-right:1px solid var(--line);
background:var(--panel);font-size:.84rem}
nav .home{font-weight:700;font-size:1.1rem;color:var(--ink)}
nav .home small{font-weight:400;color:var(--soft)}
nav h2{margin:1.4rem 0 .3rem;font-size:.72rem;letter-spacing:.06em;text-transform:uppercase;color:var(--soft)}
nav ul{list-style:none;margin:0;padding:0}
nav li a{display:block;padding:.14rem 0;color:var(--ink);overflow-wrap:anywhere}
nav b{display:inline-block;width:3.4rem;font-size:.68rem}
main{padding:2rem 3rem 6rem;max-width:62rem}
h1{margin:0 0 .5rem;font-size:1.9rem;line-height:1.2}
h2.group{margin:3.5rem 0 .2rem;padding-bottom:.3rem;border-bottom:2px solid var(--line);font-size:1.4rem}
h3{margin:0 0 .3rem;font-size:1.1rem}
h4{margin:1.1rem 0 .3rem;font-size:.8rem;letter-spacing:.04em;text-transform:uppercase;color:var(--soft)}
p{margin:.35rem 0}
a{color:var(--link);text-decoration:none}
a:hover{text-decoration:underline}
section{margin:1.6rem 0 2.6rem}
section:target h3{text-decoration:underline;text-underline-offset:.3em}
.call code{font-size:.95rem;overflow-wrap:anywhere}
b.get,b.post,b.patch,b.delete{font:700 .8rem/1 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.get{color:var(--get)}.post{color:var(--post)}.patch{color:var(--patch)}.delete{color:var(--delete)}
.open{margin-left:.6rem;padding:.1rem .5rem;border:1px solid var(--line);border-radius:1rem;font-size:.75rem;color:var(--soft)}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
code{font-size:.87em}
pre{margin:.8rem 0;padding:.8rem 1rem;overflow-x:auto;border:1px solid var(--line);border-radius:.4rem;background:var(--panel);
font-size:.9rem;line-height:1.45}
.wide{overflow-x:auto}
table{width:100%;border-collapse:collapse;font-size:.88rem}
th,td{padding:.34rem .8rem .34rem 0;border-top:1px solid var(--line);vertical-align:top;text-align:left;font-weight:400}
th{width:32%;white-space:nowrap}
td:nth-child(2){width:24%;color:var(--soft)}
td p{margin:0}
em{font-style:normal;font-size:.75rem}
.required{color:var(--delete)}.optional{color:var(--soft)}
details{margin-top:.6rem;font-size:.9rem}
summary{cursor:pointer;color:var(--soft)}
@media(max-width:56rem){body{display:block}nav{position:static;height:auto;border-right:0;border-bottom:1px solid var(--line)}
main{padding:1.5rem 1.2rem 4rem}th{white-space:normal;overflow-wrap:anywhere}}
`;
