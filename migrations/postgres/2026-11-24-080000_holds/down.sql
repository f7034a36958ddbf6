DROP TRIGGER guard ON documents_held;
DROP FUNCTION guard_held_documents();
DROP TABLE holds;
