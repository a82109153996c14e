import "./desk.ts";
